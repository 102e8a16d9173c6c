"""The built files of `dashboard/`: found once at the start, sent as the browser can read them."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "files"
"""Where `make dashboard` puts them; wheels and the image carry them."""

INDEX = "index.html"
IDENTITY = "identity"
"""The Content-Encoding that is none."""
_ASSETS = "assets/"
_CODINGS = {".br": "br", ".gz": "gzip"}
_MEDIA_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".woff2": "font/woff2"}
"""What the tables of some machines do not know, or know by an older name."""


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One file. `compressed` has its copies by Content-Encoding."""

    path: Path
    media_type: str
    compressed: Mapping[str, Path]
    etag: str
    immutable: bool
    """Whether another content would have another name, so that a browser may keep it for good."""
    kept: Mapping[str, bytes]
    """Contents by Content-Encoding (`identity` for none) of a file that every visit needs; else empty."""


def built_files(folder: Path = FOLDER) -> Mapping[str, BuiltFile]:
    """The files below `folder` by their path in URLs, such as `assets/home-3f2a.js`; empty before a build.

    The page and the files that it names, some hundred kilobytes, are kept in memory.
    """
    if not (folder / INDEX).is_file():
        return {}
    page = (folder / INDEX).read_text()
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in _CODINGS]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: _read(name, path, keep=name == INDEX or f'"/{name}"' in page) for name, path in names.items()
    }


def _read(name: str, path: Path, *, keep: bool) -> BuiltFile:
    copies = {coding: path.with_name(path.name + end) for end, coding in _CODINGS.items()}
    compressed = {coding: copy for coding, copy in copies.items() if copy.is_file()}
    content = path.read_bytes()
    media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return BuiltFile(
        path,
        media_type or "application/octet-stream",
        compressed,
        f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        immutable=name.startswith(_ASSETS),
        kept={coding: copy.read_bytes() for coding, copy in compressed.items()} | {IDENTITY: content}
        if keep
        else {},
    )
