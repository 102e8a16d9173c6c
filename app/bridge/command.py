"""`ccgraph mcp`: where the server is, whose token is used."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.bridge.server import Refused, Server
from app.bridge.session import instance_of
from app.bridge.stdio import Bridge
from app.config.errors import StartupError

URL, TOKEN, HEADER = "CCGRAPH_URL", "CCGRAPH_TOKEN", "X-CCGraph-Instance"
_MINUTES: Final = 24 * 60
"""How long a token lives that is made on this machine; another one follows."""


def run(url: str | None, token_file: Path | None, instance: str | None, username: str | None) -> None:
    """Forward until the client closes its end. Raises: StartupError."""
    environment = os.environ
    try:
        named = instance_of(instance, environment)
        given = url or environment.get(URL)
        token = _token(token_file, username, remote=given is not None)
        server = Server(given or _local_url(), token, {} if named is None else {HEADER: str(named)})
    except ValueError as error:
        raise StartupError(f"{error}.") from None
    Bridge(server, sys.stdin.buffer, sys.stdout.buffer).run()


def _token(file: Path | None, username: str | None, *, remote: bool) -> Callable[[bool], str]:
    """What gives the access token: of a file, which may be written anew; of the environment; or a new one."""
    if file is not None:
        return lambda renewed: _read(file)
    named = os.environ.get(TOKEN)
    if named:
        return lambda renewed: named
    if remote:
        raise StartupError(
            f"Give an access token for this server: set {TOKEN}, or name a file with --token-file. "
            "The mutation `createAccessToken` makes one."
        )
    return _Made(username)


class _Made:
    """Tokens that `ccgraph token` makes, as long as one is good."""

    def __init__(self, username: str | None) -> None:
        self._username = username
        self._token = ""
        self._making = threading.Lock()

    def __call__(self, renewed: bool) -> str:
        """The token; another one where that was refused."""
        used = self._token
        with self._making:
            if not self._token or (renewed and self._token == used):
                self._token = self._make()
            return self._token

    def _make(self) -> str:
        command = [sys.executable, "-c", "from app.cli import main; main()"]
        command += ["token", "--minutes", str(_MINUTES)]
        if self._username is not None:
            command += ["--username", self._username]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Refused(f"No access token could be made: {done.stderr.strip().removeprefix('ccgraph: ')}")
        return done.stdout.strip()


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise StartupError(f"{file} cannot be read ({error.strerror}).") from None


def _local_url() -> str:
    """Where `ccgraph serve` listens with the settings of the environment."""
    host = os.environ.get("CCGRAPH_HOST") or "127.0.0.1"
    port = os.environ.get("CCGRAPH_PORT") or "8000"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
