"""Reads lines of transcripts, whose format is Claude Code's own and changes with its versions.

What a line is, is found out by what it has. One that is not known is left out; it stays in the raw record.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.fleet.facts import Reading, Witness
from services.fleet.lines import READERS
from services.fleet.telling import (
    Telling,
)
from services.fleet.values import (
    UNREADABLE,
    Object,
    clean,
    flag,
    line,
    mapping,
    moment,
    text,
)

_SESSION: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AGENT: Final = re.compile(r"(?:^|/)agent-(?P<agent>[^/]+?)(?:\.meta)?\.jsonl?$")


def read_transcript(body: Mapping[str, Any], received_at: datetime) -> Reading:
    """The facts of some lines of a transcript, or of what stands beside one."""
    reading = Reading()
    file = (text(body, "file") or "").replace("\\", "/")
    if isinstance(body.get("meta"), Mapping):
        _read_meta(reading, file, mapping(body, "meta"), received_at, body)
        return reading
    lines = body.get("lines")
    if not isinstance(lines, list):
        reading.unreadable = 1
        reading.problems.append("A record of a transcript has neither `lines` nor `meta`.")
        return reading
    reader = _Lines(reading, file, received_at, text(body, "git_remote"))
    reader.read(lines)
    return reading


def _of_file(file: str) -> tuple[str | None, str]:
    """The session and the agent in a path: `…/<session>.jsonl`, `…/<session>/subagents/agent-<id>.jsonl`."""
    agent = _AGENT.search(file)
    found = _SESSION.findall(file)
    return (found[-1] if found else None), (agent["agent"] if agent else "")


def _read_meta(
    reading: Reading, file: str, meta: Object, received_at: datetime, body: Mapping[str, Any]
) -> None:
    session, agent = _of_file(file)
    session = text(meta, "sessionId") or text(body, "session_id") or session
    agent = text(meta, "agentId") or agent
    if session is None or not agent:
        reading.unreadable = 1
        reading.problems.append(f"The path {line(file) or '(none)'} names no session and agent.")
        return
    telling = Telling(reading, Witness.META, received_at, session, agent)
    telling.about_instance(
        None,
        agent_type=line(text(meta, "agentType")),
        description=line(text(meta, "description") or text(meta, "name")),
        caller_tool=text(meta, "toolUseId"),
    )
    telling.directory(None, meta.get("worktreePath"))


class _Lines:
    """Lines of one file, in their order. But for those without a time, each line speaks for itself."""

    def __init__(self, reading: Reading, file: str, received_at: datetime, remote: str | None) -> None:
        self._reading = reading
        self._received_at = received_at
        self._remote = remote
        self._session, self._agent = _of_file(file)
        self._sidechains: dict[str, str] = {}
        self._told: dict[tuple[str, str], Telling] = {}
        self._around: dict[tuple[str, str], tuple[datetime, datetime, Object]] = {}

    def read(self, lines: Sequence[object]) -> None:
        """Read them all; one that cannot be read does not take its neighbours with it."""
        times = [moment(one.get("timestamp")) if isinstance(one, Mapping) else None for one in lines]
        known = next((one for one in times if one is not None), self._received_at)
        for one, at in zip(lines, times, strict=True):
            known = at or known
            if not isinstance(one, Mapping):
                self._reading.unreadable += 1
                continue
            try:
                self._read(one, known, is_timed=at is not None)
            except UNREADABLE as trouble:
                self._reading.unreadable += 1
                self._reading.problems.append(f"A line could not be read ({type(trouble).__name__}).")
        for key, around in self._around.items():
            _surround(self._told[key], *around)

    def _read(self, one: Object, at: datetime, *, is_timed: bool) -> None:
        kind = text(one, "type") or ""
        session = text(one, "sessionId") or text(one, "session_id") or self._session
        if session is None:
            if kind != "summary":  # a summary of another file's conversation
                self._reading.unreadable += 1
            return
        telling = self._telling(session, self._agent_of(one))
        telling.of_line(
            text(one, "uuid"), text(one, "forkedFrom", "sessionId") or text(one, "requestSessionId")
        )
        telling.repeats(at if is_timed else None)
        if is_timed:
            telling.seen(at)
            self._surroundings(telling, one, at)
        reader = READERS.get(kind)
        if reader is not None:
            reader(telling, one, at)

    def _telling(self, session: str, agent: str) -> Telling:
        session, agent = clean(session), clean(agent)
        known = self._told.get((session, agent))
        if known is None:
            known = Telling(self._reading, Witness.TRANSCRIPT, self._received_at, session, agent)
            self._told[session, agent] = known
            if self._remote is not None:
                known.about_session(None, remote=line(self._remote, 500))
        return known

    def _agent_of(self, one: Object) -> str:
        """The agent whose line it is: told, or that of the file, or of earlier versions that of the chain."""
        agent = text(one, "agentId") or self._agent
        if agent or flag(one.get("isSidechain")) is not True:
            return agent
        uuid, parent = text(one, "uuid") or "", text(one, "parentUuid")
        root = uuid if parent is None else self._sidechains.get(parent, parent)
        self._sidechains[uuid] = root
        return f"sidechain-{root}"

    def _surroundings(self, telling: Telling, one: Object, at: datetime) -> None:
        """Note directory, version and branch: they are in each line, and seldom new; told for its ends.

        Lines are not always in the order of their times.
        """
        key = (telling.session, telling.agent)
        known = self._around.get(key)
        if known is not None:
            first, last, before = known
            if all(before.get(name) == one.get(name) for name in _AROUND):
                self._around[key] = (min(first, at), max(last, at), before)
                return
            _surround(telling, first, last, before)
        self._around[key] = (at, at, one)


_AROUND: Final = ("cwd", "version", "gitBranch", "entrypoint")


def _surround(telling: Telling, first: datetime, last: datetime, one: Object) -> None:
    for at in dict.fromkeys((first, last)):
        telling.directory(at, one.get("cwd"))
        telling.about_session(
            at,
            version=line(one.get("version")),
            branch=line(one.get("gitBranch")),
            entrypoint=line(one.get("entrypoint")),
        )
