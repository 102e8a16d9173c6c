"""The manifest that lies beside each backup and says what it is: `<file>.json`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app.config.errors import StartupError
from services.system.contents import Content

FORMAT: Final = "ccgraph-backup/1"
_MAGIC: Final = b"PGDMP"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup. Times are those of the database's clock.

    `server_version` is PostgreSQL's as in `server_version_num` (180001). `keys` has the names of the
    encryption keys that values in the backup need, each with a check value that tells it from another key of
    the same name; `server_key` is that of CCGRAPH_SECRET_KEY, or None where none was set. `tables` is empty
    for a base backup, which has `first_wal` instead: the first segment that it needs of the archived log.
    """

    id: UUID
    kind: str
    database: str
    system_identifier: str
    revision: str | None
    server_version: int
    started_at: datetime
    finished_at: datetime
    size: int
    sha256: str
    keys: Mapping[str, str | None]
    server_key: str | None
    tables: Mapping[str, Content]
    first_wal: str = ""
    ccgraph_version: str = ""

    @property
    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(content.rows for content in self.tables.values())

    @property
    def server_major(self) -> int:
        """Major version of the PostgreSQL that it was made of."""
        return self.server_version // 10_000

    def text(self) -> str:
        """The manifest as JSON, one table a line."""
        plain: dict[str, Any] = {"format": FORMAT, **asdict(self), "ccgraph_version": version("ccgraph")}
        return json.dumps(plain, indent=2, default=str, ensure_ascii=False) + "\n"


class Damaged(StartupError):
    """A dump does not hold what was saved; `key` is its id where that is known."""

    def __init__(self, sentence: str, key: UUID | None = None) -> None:
        super().__init__(sentence)
        self.key = key


def manifest_of(file: Path) -> Path:
    """The path of the manifest of a dump."""
    return file.with_name(file.name + ".json")


def schema_of(file: Path) -> Path:
    """The path of the schema of a dump, as SQL."""
    return file.with_name(file.name.removesuffix(".dump") + ".schema.sql")


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises: StartupError when it cannot be read."""
    try:
        plain = json.loads(path.read_text())
        form = plain.pop("format")
        if form != FORMAT:
            raise StartupError(
                f"{path} is of the form {form}, which this ccgraph does not know: install a newer one; "
                "nothing was changed."
            )
        plain["id"] = UUID(plain["id"])
        for name in ("started_at", "finished_at"):
            plain[name] = datetime.fromisoformat(plain[name])
        plain["tables"] = {name: Content(**content) for name, content in plain["tables"].items()}
        return Manifest(**plain)
    except OSError as error:
        raise StartupError(f"{path} cannot be read ({error.strerror}); nothing was changed.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(
            f"{path} is damaged: copy it again from its original place, or use another backup; "
            "nothing was changed."
        ) from error


def whole_dump(file: Path) -> Manifest:
    """The manifest of a dump whose bytes are those that were written.

    Raises: StartupError for a file that is missing, foreign, damaged or cut off.
    """
    if file.is_dir():
        raise StartupError(
            f"{file} is a folder: name a file *.dump. A base backup is read by `ccgraph restore --at`."
        )
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(_MAGIC))
        beside = manifest_of(file)
        if not beside.exists():
            raise StartupError(_without_manifest(file, magic))
        manifest = read_manifest(beside)
        size = file.stat().st_size
        if size != manifest.size:
            raise Damaged(
                f"{file} is damaged: it has {size} bytes of {manifest.size}. Copy it again from its "
                "original place, or use another backup; nothing was changed.",
                manifest.id,
            )
        if sha256(file) != manifest.sha256:
            raise Damaged(
                f"{file} is damaged: its checksum is not that of {beside.name}. Copy it again from its "
                "original place, or use another backup; nothing was changed.",
                manifest.id,
            )
    except OSError as error:
        raise StartupError(f"{file} cannot be read ({error.strerror}); nothing was changed.") from error
    return manifest


def sha256(file: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with file.open("rb", buffering=0) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _without_manifest(file: Path, magic: bytes) -> str:
    if magic == _MAGIC:
        return (
            f"{manifest_of(file)} is missing, which says what {file.name} is: copy it beside the file. A "
            "dump that `ccgraph backup` did not make is read by `ccgraph pg-restore`; nothing was changed."
        )
    return f"{file} is not a backup of ccgraph: name a file *.dump of `ccgraph backup`; nothing was changed."
