"""A Messages API that says what a script says, so that a real Claude Code needs no model."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, ClassVar

Step = dict[str, Any]
"""`{"text": ...}`, or `{"tool": name, "input": {...}}`; an input may be made of the tools' results before."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    steps: ClassVar[Sequence[Any]] = ()
    numbers: ClassVar["count[int]"] = count(1)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        if "count_tokens" in self.path:
            self._answer(b'{"input_tokens": 100}')
        elif not self.path.startswith("/v1/messages"):
            self._answer(b"{}")
        else:
            self._speak(body)

    def _speak(self, body: dict[str, Any]) -> None:
        messages = body.get("messages", [])
        step = self._step(messages) if body.get("tools") else {"text": "Done."}
        number = next(self.numbers)
        block: dict[str, Any] = {"type": "text", "text": step["text"]} if "text" in step else {}
        if "tool" in step:
            block = {
                "type": "tool_use",
                "id": f"toolu_{number:06}",
                "name": step["tool"],
                "input": step["input"],
            }
        message = {
            "id": f"msg_{number:06}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "model"),
            "content": [block],
            "stop_reason": "tool_use" if "tool" in step else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 10},
        }
        if not body.get("stream"):
            self._answer(json.dumps(message).encode())
            return
        events = _events(message, block)
        lines = "".join(
            f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n" for name, data in events
        )
        self._answer(lines.encode(), "text/event-stream")

    def _step(self, messages: Sequence[dict[str, Any]]) -> Step:
        said = _said(messages)
        if said >= len(self.steps):
            return {"text": "Done."}
        chosen = self.steps[said]
        step: Step = chosen(_results(messages)) if callable(chosen) else chosen
        return step

    def _answer(self, body: bytes, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _events(message: dict[str, Any], block: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if block["type"] == "text":
        begun, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        begun = {**block, "input": {}}
    return [
        ("message_start", {"message": {**message, "content": [], "stop_reason": None}}),
        ("content_block_start", {"index": 0, "content_block": begun}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        (
            "message_delta",
            {
                "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
                "usage": {"output_tokens": 10},
            },
        ),
        ("message_stop", {}),
    ]


def _said(messages: Sequence[dict[str, Any]]) -> int:
    """The number of answers that the model has given."""
    return sum(message.get("role") == "assistant" for message in messages)


def _results(messages: Sequence[dict[str, Any]]) -> list[str]:
    """The results of the tools until now, as texts."""
    found = []
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if part.get("type") == "tool_result":
                inner = part.get("content")
                found.append(
                    inner
                    if isinstance(inner, str)
                    else "".join(
                        piece.get("text", "") for piece in inner or () if piece.get("type") == "text"
                    )
                )
    return found


Choose = Callable[[str, int, Sequence[str]], Step]
"""The next step of a conversation: by its first message, the number of answers, and the tools' results."""


class _Choosing(_Handler):
    choose: ClassVar[Choose]

    def _step(self, messages: Sequence[dict[str, Any]]) -> Step:
        asked = json.dumps([message["content"] for message in messages[:1]], ensure_ascii=False)
        return type(self).choose(asked, _said(messages), _results(messages))


def scripted_model(steps: Sequence[Any]) -> AbstractContextManager[str]:
    """The URL of a model that takes these steps; one may be a function of the tools' results until then."""
    return _model(_Handler, steps=steps)


def choosing_model(choose: Choose) -> AbstractContextManager[str]:
    """The URL of a model of several conversations at once, whose steps are chosen."""
    return _model(_Choosing, choose=staticmethod(choose))


@contextmanager
def _model(kind: type[_Handler], **members: Any) -> Iterator[str]:
    handler = type("Scripted", (kind,), {**members, "numbers": count(1)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="model", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
