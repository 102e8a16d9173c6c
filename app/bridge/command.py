"""`ccgraph mcp`: where the server is, whose token is used."""

import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from app.bridge.server import Refused, Server
from app.bridge.session import instance_of
from app.bridge.stdio import Bridge
from app.config.errors import StartupError
from app.connect.local import LocalServer, server_on, servers, token_file
from app.connect.locks import held
from app.connect.settings_file import replace

URL, TOKEN, HEADER = "CCGRAPH_URL", "CCGRAPH_TOKEN", "X-CCGraph-Instance"
_MINUTES: Final = 24 * 60
"""How long a token lives that is made on this machine; another one follows."""


def run(
    url: str | None,
    token_file: Path | None,
    instance: str | None,
    username: str | None,
    ca: Path | None = None,
) -> None:
    """Forward until the client closes its end. Raises: StartupError."""
    environment = os.environ
    try:
        named = instance_of(instance, environment)
        given = url or environment.get(URL)
        here = _local_server() if given is None else _local_at(given)
        token = _token(token_file, username, here, remote=given is not None and here is None)
        server = Server(
            given or (here.url if here else _configured_url()),
            token,
            {} if named is None else {HEADER: str(named)},
            ca=None if ca is None else str(ca),
        )
    except ValueError as error:
        raise StartupError(f"{error}.") from None
    Bridge(server, sys.stdin.buffer, sys.stdout.buffer).run()


def _token(
    file: Path | None, username: str | None, here: LocalServer | None, *, remote: bool
) -> Callable[[bool], str]:
    """A function that gives the access token: from a file, from the environment, or a new one.

    A file may be written anew, so it is read each time. Raises: StartupError where there is no token.
    """
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
    return _Made(username, here)


class _Made:
    """Tokens that `ccgraph token` makes with the settings of the server `here`, as long as one is good.

    Making one takes longer than all else at the start of an agent, so those of a user share one.
    """

    def __init__(self, username: str | None, here: LocalServer | None) -> None:
        self._username = username
        self._here = here
        self._file = None if here is None else token_file(here, username)
        self._token = ""
        self._making = threading.Lock()

    def __call__(self, renewed: bool) -> str:
        """The token; another one where that was refused."""
        used = self._token
        with self._making:
            if not self._token or (renewed and self._token == used):
                self._token = self._shared(used)
            return self._token

    def _shared(self, used: str) -> str:
        """A token other than the one that was refused, which another agent may have made."""
        if self._file is None:
            return self._make()
        with ExitStack() as stack:
            with suppress(OSError):  # without the lock each makes one of its own
                stack.enter_context(held(self._file.with_suffix(".token-lock"), within=math.inf))
            with suppress(OSError):
                kept = self._file.read_text()
                if kept and kept != used:
                    return kept
            token = self._make()
            with suppress(OSError):  # the next agent makes one of its own
                replace(self._file, token.encode(), 0o600)
            return token

    def _make(self) -> str:
        command = [sys.executable, "-c", "from app.cli import main; main()"]
        command += ["token", "--minutes", str(_MINUTES)]
        if self._username is not None:
            command += ["--username", self._username]
        environment = dict(os.environ)
        folder = None
        if self._here is not None:
            folder = self._here.folder  # its `.env` is there
            if self._here.data_dir is not None:
                environment["CCGRAPH_DATA_DIR"] = self._here.data_dir
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(f"No access token could be made: {done.stderr.strip().removeprefix('ccgraph: ')}")
        return done.stdout.strip()


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise StartupError(f"{file} cannot be read ({error.strerror}).") from None


def _local_server() -> LocalServer | None:
    """The server that runs here: on the data directory of the settings, or the only one of this user.

    None where settings say where it listens, or none has written down where it does. Raises: StartupError
    when there are several.
    """
    beside = server_on(Path(os.environ.get("CCGRAPH_DATA_DIR") or ".data"))
    if beside is not None:
        return beside
    if os.environ.get("CCGRAPH_HOST") or os.environ.get("CCGRAPH_PORT"):
        return None
    found = servers()
    if len(found) > 1:
        urls = ", ".join(server.url for server in found)
        raise StartupError(f"Several servers run on this machine ({urls}): choose one with --url.")
    return found[0] if found else None


def _local_at(url: str) -> LocalServer | None:
    """The server of this user that runs at a URL; a token that is made here goes to no other one."""
    beside = server_on(Path(os.environ.get("CCGRAPH_DATA_DIR") or ".data"))
    found = servers() if beside is None else [beside, *servers()]
    return next((server for server in found if server.url == url), None)


def _configured_url() -> str:
    """The URL at which `ccgraph serve` listens with the settings of the environment."""
    host = os.environ.get("CCGRAPH_HOST") or "127.0.0.1"
    port = os.environ.get("CCGRAPH_PORT") or "8000"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
