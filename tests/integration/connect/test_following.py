"""Transcripts are read once, whatever happens to the files meanwhile."""

import json
import os
import time
from pathlib import Path

import pytest

from app.connect import following
from app.connect.client import Client
from app.connect.connection import Server
from app.connect.following import Transcripts
from app.connect.importing import import_all
from app.connect.sending import Refused, TranscriptSender
from tests.support.ingest_receiver import TOKEN, Received

NAME = "-home-dev-x/5f1c7bd6-8d8e-4d26-8cb3-5b4a5a1b2c3d.jsonl"


def line(number: int) -> bytes:
    return (
        json.dumps({"type": "user", "number": number, "text": "日本" * 50}, ensure_ascii=False).encode()
        + b"\n"
    )


class Machine:
    """A folder of transcripts, and what follows it; `restart` forgets all but the state on the disk."""

    def __init__(self, projects: Path, server: Received) -> None:
        self.projects = projects
        self.client = Client(Server(server.url), TOKEN)
        self.server = server
        self.transcripts = Transcripts(projects)
        self.sender = TranscriptSender(self.client, self.transcripts)

    def write(self, content: bytes, name: str = NAME, *, append: bool = False) -> Path:
        path = self.projects / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(content)
        return path

    def send(self) -> int:
        """Send what is new; gives how many bytes of lines went over the wire."""
        before = sum(len(part.get("text", "").encode()) for part in self.server.transcripts)
        names = self.transcripts.look()
        while names:
            names = [name for name in names if self.sender.send(name, 4)]
        return sum(len(part.get("text", "").encode()) for part in self.server.transcripts) - before

    def restart(self, *, with_state: bool = True) -> None:
        state = json.loads(json.dumps(self.transcripts.state()))
        self.transcripts = Transcripts(self.projects)
        if with_state:
            self.transcripts.remember(state)
        self.sender = TranscriptSender(self.client, self.transcripts)


@pytest.fixture
def machine(tmp_path: Path, server: Received) -> Machine:
    return Machine(tmp_path / "projects", server)


def test_only_what_is_new_is_read(machine: Machine, server: Received) -> None:
    machine.write(line(1) + line(2))
    assert machine.send() == len(line(1) + line(2))
    assert machine.send() == 0
    machine.write(line(3), append=True)
    assert machine.send() == len(line(3))
    assert server.files == {NAME: line(1) + line(2) + line(3)}


@pytest.mark.parametrize("with_state", [True, False])
def test_it_goes_on_after_a_restart_also_without_its_state(
    machine: Machine, server: Received, with_state: bool
) -> None:
    machine.write(line(1))
    machine.send()
    machine.write(line(2), append=True)
    machine.restart(with_state=with_state)
    assert machine.send() == len(line(2))
    assert server.files == {NAME: line(1) + line(2)}


def test_a_server_that_knows_less_gets_it_again(machine: Machine, server: Received) -> None:
    machine.write(line(1))
    machine.send()
    machine.write(line(2), append=True)
    server.files.clear()
    machine.restart()
    machine.send()
    assert server.files == {NAME: line(1) + line(2)}


def test_half_a_line_waits_for_its_end(machine: Machine, server: Received) -> None:
    whole = line(1)
    machine.write(whole[:30])
    assert machine.send() == 0
    machine.write(whole[30:] + line(2)[:10], append=True)
    assert machine.send() == len(whole)
    machine.write(line(2)[10:], append=True)
    assert machine.send() == len(line(2))
    assert server.files == {NAME: line(1) + line(2)}


def test_a_last_line_without_an_end_is_sent_when_nothing_more_comes(
    machine: Machine, server: Received
) -> None:
    path = machine.write(line(1) + line(2)[:-1])
    os.utime(path, (time.time() - 100,) * 2)
    machine.send()
    assert server.files == {NAME: line(1) + line(2)[:-1]}


def test_a_truncated_file_is_read_from_its_start(machine: Machine, server: Received) -> None:
    machine.write(line(1) + line(2))
    machine.send()
    machine.write(line(7))
    assert machine.send() == len(line(7))
    assert server.files == {NAME: line(7)}


def test_a_file_that_was_replaced_by_a_longer_one_is_read_from_its_start(
    machine: Machine, server: Received
) -> None:
    machine.write(line(1))
    machine.send()
    new = machine.write(line(7) + line(8) + line(9), "-home-dev-x/new.tmp")
    new.rename(machine.projects / NAME)
    assert machine.send() == len(line(7) * 3)
    assert server.files == {NAME: line(7) + line(8) + line(9)}


def test_a_file_that_was_written_over_in_its_place_is_read_from_its_start(
    machine: Machine, server: Received
) -> None:
    machine.write(line(1))
    machine.send()
    machine.write(line(7) + line(8))
    machine.send()
    assert server.files == {NAME: line(7) + line(8)}


def test_a_file_that_was_moved_goes_on_where_it_was(machine: Machine, server: Received) -> None:
    path = machine.write(line(1) + line(2))
    machine.send()
    moved = machine.projects / "-home-dev-y" / path.name
    moved.parent.mkdir()
    path.rename(moved)
    with moved.open("ab") as file:
        file.write(line(3))
    assert machine.send() == len(line(3))


def test_a_new_file_with_the_number_of_an_old_one_is_read_from_its_start(
    machine: Machine, server: Received
) -> None:
    path = machine.write(line(1))
    machine.send()
    path.unlink()
    other = machine.write(line(7) + line(8), "-home-dev-x/other.jsonl")
    machine.transcripts.files[NAME].inode = other.stat().st_ino
    machine.send()
    assert server.files["-home-dev-x/other.jsonl"] == line(7) + line(8)


def test_bytes_that_are_no_utf_8_keep_the_offsets_true(machine: Machine, server: Received) -> None:
    machine.write(b'{"a": "\xff\xfe"}\n' + line(2))
    machine.send()
    machine.write(line(3), append=True)
    machine.send()
    assert server.files == {NAME: b'{"a": "??"}\n' + line(2) + line(3)}


def test_a_line_that_is_too_long_is_left_out_and_counted(
    machine: Machine, server: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LONGEST_LINE", 50_000)
    machine.sender._chunk = 10_000
    machine.write(line(1) + b'"' + b"x" * 60_000 + b'"\n' + line(2))
    machine.send()
    assert machine.sender.sent.left_out == 1
    assert [part["text"].encode() for part in server.transcripts] == [line(1), line(2)]


def test_what_is_too_large_for_the_server_goes_in_smaller_pieces(machine: Machine, server: Received) -> None:
    server.refuse = lambda path, body: (413, {}) if len(body) > 100_000 else None
    content = b"".join(line(number) for number in range(2_000))
    machine.write(content)
    machine.send()
    assert server.files == {NAME: content}
    assert machine.sender.sent.left_out == 0


def test_what_stands_beside_a_subagent_is_sent_when_it_changes(machine: Machine, server: Received) -> None:
    name = "-home-dev-x/5f1c7bd6/subagents/agent-1.meta.json"
    machine.write(b'{"agentType"', name)
    machine.send()
    machine.write(b'{"agentType": "Explore"}', name)
    machine.send()
    machine.send()
    assert server.transcripts == [{"file": name, "meta": {"agentType": "Explore"}}]


def test_the_server_in_trouble_stops_it_and_nothing_is_lost(machine: Machine, server: Received) -> None:
    machine.write(line(1))
    server.refuse = lambda path, body: (503, {"Retry-After": "7"})
    with pytest.raises(Refused) as caught:
        machine.send()
    assert caught.value.answer.retry_after == 7
    server.refuse = lambda path, body: None
    machine.send()
    assert server.files == {NAME: line(1)}


def test_files_that_have_not_changed_for_long_are_left_alone(tmp_path: Path, server: Received) -> None:
    machine = Machine(tmp_path, server)
    path = machine.write(line(1))
    os.utime(path, (1000, 1000))
    machine.transcripts = Transcripts(tmp_path, since=2000)
    assert machine.transcripts.look() == []
    machine.write(line(2), append=True)
    assert machine.transcripts.look() == [NAME]


@pytest.mark.parametrize("where", ["projects", "copy of it", "one project", "one transcript", "one subagent"])
def test_an_import_names_files_as_claude_code_does(tmp_path: Path, server: Received, where: str) -> None:
    root = tmp_path / ("projects" if where == "projects" else "copy")
    session = root / "-home-dev-x" / "5f1c7bd6.jsonl"
    agent = root / "-home-dev-x" / "5f1c7bd6" / "subagents" / "agent-1.jsonl"
    for path in (session, agent):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(line(1) + line(2)[:-1])
    agent.with_suffix(".meta.json").write_text('{"toolUseId": "t"}')
    other = root / "-home-dev-y" / "a.jsonl"
    other.parent.mkdir()
    other.write_bytes(line(9))
    path = {"one project": session.parent, "one transcript": session, "one subagent": agent}.get(where, root)
    sent = import_all(Client(Server(server.url), TOKEN), path, lambda done, total: None)
    wanted = {
        "-home-dev-x/5f1c7bd6.jsonl",
        "-home-dev-x/5f1c7bd6/subagents/agent-1.jsonl",
        "-home-dev-x/5f1c7bd6/subagents/agent-1.meta.json",
        "-home-dev-y/a.jsonl",
    }
    if where in ("one project", "one transcript"):
        wanted.remove("-home-dev-y/a.jsonl")
    if where == "one subagent":
        wanted = {"-home-dev-x/5f1c7bd6/subagents/agent-1.jsonl"}
    assert {part["file"] for part in server.transcripts} == wanted
    assert sent.lines == sum(2 if "5f1c" in name else 1 for name in wanted if name.endswith(".jsonl"))


def test_an_import_waits_where_the_server_asks_for_it(tmp_path: Path, server: Received) -> None:
    (tmp_path / "a.jsonl").write_bytes(line(1))
    waits: list[float] = []

    def refuse(path: str, body: bytes) -> tuple[int, dict[str, str]] | None:
        return (429, {"Retry-After": "3"}) if len(waits) < 2 else None

    server.refuse = refuse
    import_all(
        Client(Server(server.url), TOKEN), tmp_path / "a.jsonl", lambda done, total: None, waits.append
    )
    assert waits == [3, 3]
    assert list(server.files.values()) == [line(1)]


def test_a_file_whose_name_is_no_utf_8_is_sent_under_a_name_that_can_be_told(
    machine: Machine, server: Received
) -> None:
    odd = [os.fsdecode(b"-home-dev-x/\xff.jsonl"), os.fsdecode(b"-home-dev-x/\xfe.jsonl")]
    for number, name in enumerate(odd):
        machine.write(line(number), name)
    machine.write(line(2))
    machine.send()
    machine.restart(with_state=False)
    assert machine.send() == 0
    assert set(server.files) == {NAME, "-home-dev-x/\\xff.jsonl", "-home-dev-x/\\xfe.jsonl"}


def test_a_file_that_cannot_be_read_keeps_no_other_back(machine: Machine, server: Received) -> None:
    """The user may read any file, as root may; to read the memory of a process at 0 fails for all."""
    machine.write(line(1))
    path = machine.projects / "-home-dev-x/closed.jsonl"
    path.symlink_to("/proc/self/mem")
    names = machine.transcripts.look()
    machine.transcripts.files["-home-dev-x/closed.jsonl"].size = 10
    for name in [*names, "-home-dev-x/closed.jsonl"]:
        assert not machine.sender.send(name, 4)
    assert machine.sender.sent.closed == 1
    assert set(server.files) == {NAME}
    path.unlink()
