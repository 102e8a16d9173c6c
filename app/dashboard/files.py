"""The built files of `dashboard/`: found once at the start, sent as the browser can read them."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "files"
"""Where `make dashboard` puts them; wheels and the image carry them."""

INDEX = "index.html"
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


def built_files(folder: Path = FOLDER) -> Mapping[str, BuiltFile]:
    """The files below `folder` by their path in URLs, such as `assets/home-3f2a.js`; empty before a build."""
    if not (folder / INDEX).is_file():
        return {}
    names = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in _CODINGS]
    return {path.relative_to(folder).as_posix(): _read(folder, path) for path in names}


def _read(folder: Path, path: Path) -> BuiltFile:
    copies = {coding: path.with_name(path.name + end) for end, coding in _CODINGS.items()}
    media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return BuiltFile(
        path,
        media_type or "application/octet-stream",
        {coding: copy for coding, copy in copies.items() if copy.is_file()},
        f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"',
        immutable=path.relative_to(folder).as_posix().startswith(_ASSETS),
    )
