"""A real Claude Code whose model is a script: a Messages API on loopback that says what the test wants."""

import itertools
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.support.bridges import CCGRAPH
from tests.support.http_servers import answering
from tests.support.waiting import PATIENCE

Step: TypeAlias = Mapping[str, Any]
"""`{"text"}`, `{"tool", "input"}` or `{"tools": [...]}`, in one answer; `{"error": status}` comes once."""

_NAME = re.compile(r"\[script:([\w-]+)\]")
_MORE_THAN_ANY = 10**6


def installed() -> str:
    """The program; the test is skipped where there is none."""
    found = shutil.which("claude")
    if found is None:
        pytest.skip("Claude Code is not installed (npm install --global @anthropic-ai/claude-code)")
    return found


@dataclass
class ScriptedModel:
    """Follows the script that a conversation names as `[script:NAME]` in its first message.

    Request n is answered with 100 + n tokens of input and 40 + n of output, and the id `req_n`.
    """

    scripts: Mapping[str, Sequence[Step]]
    url: str = ""
    requests: list[int] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _failed: set[tuple[str, int]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, asked: Mapping[str, Any]) -> tuple[int, Step]:
        """The number of a request, and what is to be answered."""
        messages = asked.get("messages", [])
        texts = [text for message in messages if message.get("role") == "user" for text in _texts(message)]
        names = [name for text in texts for name in _NAME.findall(text)]
        steps = self.scripts.get(names[0], []) if names else []
        done = sum(message.get("role") == "assistant" for message in messages)
        if not asked.get("tools"):  # a question of the client itself, such as for a title
            done = _MORE_THAN_ANY
        with self._lock:
            number = next(self._numbers)
            self.requests.append(number)
            answers = 0
            for at, step in enumerate(steps):
                if "error" in step:
                    if answers == done and (names[0], at) not in self._failed:
                        self._failed.add((names[0], at))
                        return number, step
                    continue
                if answers == done:
                    return number, step
                answers += 1
        return number, {"text": "Done."}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ScriptedModel

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if "count_tokens" in self.path:
            return self._answer(200, b'{"input_tokens": 100}')
        if not self.path.startswith("/v1/messages"):
            return self._answer(200, b"{}")
        number, step = self.model.step(asked)
        if "error" in step:
            kind = step.get("type", "overloaded_error")
            error = {"type": "error", "error": {"type": kind, "message": "It is too much."}}
            return self._answer(step["error"], json.dumps(error).encode(), number=number)
        message = _message(number, step, asked.get("model", "claude"))
        if not asked.get("stream"):
            return self._answer(200, json.dumps(message).encode(), number=number)
        return self._answer(200, b"".join(_events(message)), "text/event-stream", number)

    def _answer(
        self, status: int, body: bytes, content_type: str = "application/json", number: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if number is not None:
            self.send_header("Request-Id", f"req_{number:06}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _texts(message: Mapping[str, Any]) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    return [part.get("text", "") for part in content or [] if part.get("type") == "text"]


def _message(number: int, step: Step, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": step["text"]}] if step.get("text") else []
    tools = step.get("tools", [step] if "tool" in step else [])
    content += [
        {"type": "tool_use", "id": f"toolu_{number:06}_{at}", "name": tool["tool"], "input": tool["input"]}
        for at, tool in enumerate(tools)
    ]
    return {
        "id": f"msg_{number:06}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if tools else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100 + number,
            "output_tokens": 40 + number,
            "cache_read_input_tokens": 900,
            "cache_creation_input_tokens": 50,
        },
    }


def _events(message: dict[str, Any]) -> Iterator[bytes]:
    """A message as the events of a stream."""
    begun = {**message, "content": [], "stop_reason": None}
    begun["usage"] = {**message["usage"], "output_tokens": 1}
    yield _event("message_start", message=begun)
    for at, part in enumerate(message["content"]):
        block: dict[str, Any]
        if part["type"] == "text":
            block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": part["text"]}
        else:
            block = {**part, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(part["input"])}
        yield _event("content_block_start", index=at, content_block=block)
        yield _event("content_block_delta", index=at, delta=delta)
        yield _event("content_block_stop", index=at)
    yield _event(
        "message_delta",
        delta={"stop_reason": message["stop_reason"], "stop_sequence": None},
        usage={"output_tokens": message["usage"]["output_tokens"]},
    )
    yield _event("message_stop")


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


@contextmanager
def scripted(scripts: Mapping[str, Sequence[Step]]) -> Iterator[ScriptedModel]:
    """Answer as a model until the block ends."""
    model = ScriptedModel(scripts)
    with answering(type("Handler", (_Handler,), {"model": model})) as port:
        model.url = f"http://127.0.0.1:{port}"
        yield model


@dataclass(frozen=True, slots=True)
class Machine:
    """A place in which a person works: a HOME of its own with a project, and the installed Claude Code."""

    home: Path
    project: Path
    program: str

    @property
    def settings(self) -> Path:
        """The user's settings."""
        return self.home / ".claude" / "settings.json"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the environment, with none of the machine on which the test runs."""
        return {
            "HOME": str(self.home),
            "PATH": f"{Path(self.program).parent}:{os.environ['PATH']}",
            "DISABLE_AUTOUPDATER": "1",
            "MCP_TIMEOUT": f"{PATIENCE * 1000:.0f}",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def ccgraph(
        self, *arguments: str, text: str = "", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command of ccgraph in the project to its good end; `text` is its standard input."""
        done = subprocess.run(
            [CCGRAPH, *arguments],
            cwd=self.project,
            env={**self.environment, **variables},
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done

    def command(self, prompt: str, *more: str, tools: str = "Bash,Read,Write,Edit,Agent") -> list[str]:
        """One conversation without a terminal."""
        asked = ["-p", prompt, "--output-format", "stream-json", "--verbose", "--allowedTools", tools]
        return [self.program, *asked, *more]

    def run(self, model: ScriptedModel, prompt: str, *more: str, **options: str) -> list[dict[str, Any]]:
        """Let it hold a conversation to its end; gives what it wrote."""
        done = subprocess.run(
            self.command(prompt, *more, **options),
            cwd=self.project,
            env=self.with_model(model),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.stderr == ""
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def with_model(self, model: ScriptedModel) -> dict[str, str]:
        """The environment with the script in the place of the model."""
        return {
            **self.environment,
            "ANTHROPIC_API_KEY": "sk-ant-not-a-key",
            "ANTHROPIC_BASE_URL": model.url,
        }


def machine(folder: Path) -> Machine:
    """A machine with a project that is a git repository; skips where Claude Code is not installed."""
    home, project = folder / "home", folder / "home" / "project"
    project.mkdir(parents=True)
    (project / "README.md").write_text("# A project\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First commit"]):
        subprocess.run([*git, *command], cwd=project, check=True)
    return Machine(home, project, installed())
