"""The files of GraphiQL: versions, hashes, and how to copy them to a folder of one's own."""

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.config.errors import StartupError

CDN = "https://cdn.jsdelivr.net"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of an npm package. `integrity` is a hash as browsers check it (W3C Subresource Integrity)."""

    package: str
    path: str
    integrity: str

    @property
    def name(self) -> str:
        """The name of the file in a local folder."""
        return self.path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Where the content delivery network has it."""
        return f"{CDN}/npm/{self.package}/{self.path}"


ASSETS = (
    Asset(
        "react@18.3.1",
        "umd/react.production.min.js",
        "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    ),
    Asset(
        "react-dom@18.3.1",
        "umd/react-dom.production.min.js",
        "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    ),
    Asset(
        "graphiql@4.1.2",
        "graphiql.min.js",
        "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    ),
    Asset(
        "graphiql@4.1.2",
        "graphiql.min.css",
        "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    ),
)


def fill(folder: Path, progress: Callable[[str], None] = lambda line: None) -> None:
    """Copy the files out of their npm packages into `folder`; what `ccgraph ide-assets DIR` does.

    The packages come through `npm`, as it is configured here. A file that differs from the one we know is
    refused. StartupError says what to do when npm is missing or fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as packed:
        for package in dict.fromkeys(asset.package for asset in ASSETS):
            progress(f"fetching {package}")
            archive = _pack(package, Path(packed))
            for asset in ASSETS:
                if asset.package == package:
                    (folder / asset.name).write_bytes(_extract(archive, asset))
                    progress(f"wrote {folder / asset.name}")


def require_complete(folder: Path) -> None:
    """StartupError unless every file is in the folder, unchanged."""
    for asset in ASSETS:
        try:
            content = (folder / asset.name).read_bytes()
        except OSError:
            content = b""
        if _integrity(content) != asset.integrity:
            raise StartupError(
                f"{folder / asset.name} is missing or not of {asset.package}: "
                f"run `ccgraph ide-assets {folder}`, or unset CCGRAPH_IDE_ASSETS."
            )


def _pack(package: str, folder: Path) -> Path:
    """The archive of a package, as `npm pack` writes it."""
    command = ["npm", "pack", package, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    except FileNotFoundError:
        raise StartupError("npm was not found: install Node.js, or copy the folder from elsewhere.") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise StartupError(
            f"npm could not fetch {package}: try `npm pack {package}`, which says why."
        ) from None
    return folder / done.stdout.split()[-1]


def _extract(archive: Path, asset: Asset) -> bytes:
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/{asset.path}")
        content = member.read() if member else b""
    if _integrity(content) != asset.integrity:
        raise StartupError(f"{asset.path} of {asset.package} is not the file that this release was made for.")
    return content


def _integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
