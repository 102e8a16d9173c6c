"""Headless Chromium, driven by its DevTools protocol over a WebSocket."""

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0
"""Seconds."""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression; what it throws is an AssertionError."""
        number = next(self._ids)
        parameters = {"expression": script, "returnByValue": True, "awaitPromise": True}
        self._socket.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                break
        result = answer.get("result", {})
        if "result" not in result or "exceptionDetails" in result:
            raise AssertionError(answer)
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Until a JavaScript expression holds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.evaluate(f"Boolean({condition})"):
                return
            time.sleep(0.1)
        shown = self.evaluate("document.body.innerText")
        raise AssertionError(f"never true: {condition}; the page says: {shown}")


@contextmanager
def browser(folder: Path, url: str) -> Iterator[Page]:
    """A tab at `url`; the profile of the browser goes to `folder`."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = _debugging_port(folder / "DevToolsActivePort")
        tab = httpx.put(f"http://127.0.0.1:{port}/json/new?{url}", timeout=PATIENCE).json()
        with connect(tab["webSocketDebuggerUrl"], max_size=None, ping_interval=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait()


def _debugging_port(file: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")
