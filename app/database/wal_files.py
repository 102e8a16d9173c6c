"""Takes a file of PostgreSQL's log into an archive, or out of it; a script of its own for speed.

    wal_files.py keep PATH FOLDER         archive_command: the file at PATH into FOLDER
    wal_files.py fetch NAME PATH FOLDER   restore_command: the file NAME of FOLDER to PATH

FOLDER has a folder for each cluster, named by its system identifier, so two clusters never mix. PostgreSQL
runs this in its data directory. A file comes whole or not at all, and is never replaced by another one.
"""

import os
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

MISSING, DAMAGED = 1, 200
"""Exit codes of `fetch`: PostgreSQL goes on without a file that is missing, and stops at a damaged one."""

PIECE = 1 << 20
GZIP = 31
"""zlib's number for its largest window with the header of gzip."""


def system_identifier() -> str:
    """The identifier that tells this cluster from all others: the first field of pg_control."""
    with Path("global/pg_control").open("rb") as file:
        return str(struct.unpack("=Q", file.read(8))[0])


def sync(path: Path) -> None:
    """Let what a file or folder holds outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pieces(packed: Path) -> Iterator[bytes]:
    """The content of a compressed file. Raises: ValueError where it is damaged."""
    unpacking = zlib.decompressobj(GZIP)
    with packed.open("rb") as file:
        while piece := file.read(PIECE):
            try:
                yield unpacking.decompress(piece)
            except zlib.error as error:
                raise ValueError(str(error)) from None
    yield unpacking.flush()
    if not unpacking.eof:
        raise ValueError("it is cut off")


def same(packed: Path, path: Path) -> bool:
    """True if a compressed file has the content of another file."""
    with path.open("rb") as file:
        try:
            return all(piece == file.read(len(piece)) for piece in pieces(packed)) and not file.read(1)
        except ValueError:
            return False


def keep(path: Path, folder: Path) -> int:
    """Compress a file into the archive; 0 when it is there, or was there already."""
    folder = folder / system_identifier()
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{path.name}.gz"
    if kept.exists():
        return told(path, kept)
    making = folder / f".{path.name}.{os.getpid()}"
    packing = zlib.compressobj(1, zlib.DEFLATED, GZIP)
    try:
        with path.open("rb") as file, making.open("wb") as packed:
            while piece := file.read(PIECE):
                packed.write(packing.compress(piece))
            packed.write(packing.flush())
        sync(making)
        try:
            kept.hardlink_to(making)  # which replaces nothing, unlike a rename
        except FileExistsError:
            return told(path, kept)
        sync(folder)
    finally:
        making.unlink(missing_ok=True)
    return 0


def told(path: Path, kept: Path) -> int:
    """0 when the archive has the same already; else say that it has another."""
    if same(kept, path):
        sync(kept)
        return 0
    sys.stderr.write(f"{kept} holds something else than {path}; it is not replaced\n")
    return 1


def fetch(name: str, path: Path, folder: Path) -> int:
    """Take a file out of the archive."""
    kept = folder / system_identifier() / f"{name}.gz"
    if not kept.exists():
        return MISSING
    try:
        with path.open("wb") as file:
            for piece in pieces(kept):
                file.write(piece)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{kept} cannot be read: {error}\n")
        return DAMAGED
    return 0


def main() -> int:
    """Do what the command line says; the exit code."""
    os.umask(0o077)
    order, *arguments = sys.argv[1:]
    try:
        if order == "keep":
            path, folder = arguments
            return keep(Path(path), Path(folder))
        name, path, folder = arguments
        return fetch(name, Path(path), Path(folder))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if order == "keep" else DAMAGED


if __name__ == "__main__":
    sys.exit(main())
