"""The loop between a client on stdin and stdout and the server."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Final

from app.bridge.server import Away, Exchange, Refused, Server
from app.bridge.watching import Watched

Json = dict[str, Any]

_AT_ONCE: Final = 64
"""Requests under way; more wait."""

_PARSE_ERROR, _INVALID, _AWAY = -32700, -32600, -32000


class Bridge:
    """Forwards each message of `client`, and writes what is answered to `out`: a message a line."""

    def __init__(self, server: Server, client: BinaryIO, out: BinaryIO) -> None:
        self._server = server
        self._client = client
        self._out = out
        self._writing = threading.Lock()
        self._under_way: dict[str, Exchange] = {}
        self._changing = threading.Lock()
        self._watched = Watched(server, self._write_message)

    def run(self) -> None:
        """Serve until the client closes its end: requests that are under way are answered, streams end."""
        with ThreadPoolExecutor(_AT_ONCE, "mcp") as pool:
            for line in self._client:
                if line.strip():
                    for message in self._messages(line):
                        self._take(message, pool)
            with self._changing:
                streams = [key for key in self._under_way if key.startswith("stream ")]
                for key in streams:
                    self._under_way[key].break_off()

    def _messages(self, line: bytes) -> list[Json]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            self._fail(None, _PARSE_ERROR, "This line is not JSON: each message is one line.")
            return []
        messages = value if isinstance(value, list) else [value]
        if not all(isinstance(message, dict) for message in messages):
            self._fail(None, _INVALID, "A message is a JSON object.")
            return []
        return messages

    def _take(self, message: Json, pool: ThreadPoolExecutor) -> None:
        method, params = message.get("method"), message.get("params")
        params = params if isinstance(params, dict) else {}
        if "id" not in message:
            if method == "notifications/cancelled":
                self._cancel(params.get("requestId"))
            else:
                pool.submit(self._notify, message)
            return
        if method in ("resources/subscribe", "resources/unsubscribe") and isinstance(params.get("uri"), str):
            change = self._watched.add if method == "resources/subscribe" else self._watched.remove
            change(params["uri"])
            self._write_message({"jsonrpc": "2.0", "id": message["id"], "result": {}})
            return
        exchange = Exchange()
        key = _key(message["id"], stream=method == "subscriptions/listen")
        with self._changing:
            self._under_way[key] = exchange
        pool.submit(self._forward, message, exchange, key)

    def _cancel(self, identity: object) -> None:
        with self._changing:
            for stream in (False, True):
                exchange = self._under_way.get(_key(identity, stream=stream))
                if exchange is not None:
                    exchange.break_off()

    def _notify(self, message: Json) -> None:
        try:
            for _ in self._server.messages(message, Exchange()):
                pass
        except (Away, Refused):
            pass  # no client waits for an answer

    def _forward(self, message: Json, exchange: Exchange, key: str) -> None:
        answered = False
        try:
            for text in self._server.messages(message, exchange):
                if exchange.broken_off:
                    return
                answered = answered or b'"id"' in text
                self._write(self._noted(message, text))
        except Refused as error:
            self._tell(message, str(error))
        except Away as error:
            if not exchange.broken_off:
                more = " Repeat the call with the same idempotencyKey, or look first." if error.sent else ""
                self._tell(message, f"ccgraph is away: {error}.{more}")
        except Exception as error:  # a fault of ours must not leave the client waiting
            self._tell(message, f"ccgraph mcp has failed: {type(error).__name__}.")
        finally:
            with self._changing:
                if self._under_way.get(key) is exchange:
                    del self._under_way[key]

    def _noted(self, message: Json, text: bytes) -> bytes:
        """The answer; that of `initialize` says which revision is spoken, and that subscribing works here."""
        if message.get("method") != "initialize":
            return text
        answer = json.loads(text)
        result = answer.get("result")
        if not isinstance(result, dict):
            return text
        self._server.negotiated = result.get("protocolVersion")
        resources = result.get("capabilities", {}).get("resources")
        if isinstance(resources, dict):
            resources["subscribe"] = True
        return json.dumps(answer, ensure_ascii=False).encode()

    def _tell(self, message: Json, sentence: str) -> None:
        """An error, for a tool as its result, since no model reads errors of the protocol."""
        if message.get("method") != "tools/call":
            self._fail(message["id"], _AWAY, sentence)
            return
        result = {"content": [{"type": "text", "text": sentence}], "isError": True}
        self._write_message({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _fail(self, identity: object, code: int, sentence: str) -> None:
        self._write_message({"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": sentence}})

    def _write_message(self, message: Json) -> None:
        self._write(json.dumps(message, ensure_ascii=False).encode())

    def _write(self, text: bytes) -> None:
        with self._writing:
            try:
                self._out.write(text + b"\n")
                self._out.flush()
            except (OSError, ValueError):
                return  # the client has gone; its closed stdin ends the loop


def _key(identity: object, *, stream: bool) -> str:
    """1 and "1" are two ids."""
    return f"{'stream' if stream else 'call'} {json.dumps(identity)}"
