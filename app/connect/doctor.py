"""`ccgraph doctor`: looks at each link between Claude Code and the server, then waits for what comes."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

from app.config.errors import StartupError
from app.connect import own_server, spool
from app.connect.claude_code import ClaudeFolder, events_for, oldest_version
from app.connect.client import Answer, Client, Unreachable, recent
from app.connect.connection import Connection, Folder
from app.connect.entries import complete
from app.connect.json_text import value_at
from app.connect.mcp_spool import LONGEST, MOST_BYTES, Spool
from app.connect.settings_file import read

_MOST_SKEW: Final = 5.0
_SENT_WITHIN: Final = 120.0
"""Seconds after which recorded traffic has been sent where nothing is in the way."""

_OF_A_HOOK: Final = 16 * 1024
"""Bytes that most hooks have at most."""

MANAGED: Final = (Path("/etc/claude-code"), Path("/Library/Application Support/ClaudeCode"))
"""Where Claude Code has the settings of those who run the machine."""

_SOON: Final = 14
"""Days before the token ends that it is told."""

NEEDS_WATCH: Final = ("TRANSCRIPT", "PROCESSES")
ADVICE: Final = {
    "HOOK": "Start Claude Code anew and send it a prompt: hooks are read when it starts.",
    "TRANSCRIPT": "Run `ccgraph watch`, or `ccgraph watch --install` to start it at every login.",
    "PROCESSES": "Run `ccgraph watch` while Claude Code runs.",
    "LOGS": "Start Claude Code anew: telemetry is read when it starts.",
    "METRICS": "Wait a minute, or end Claude Code: metrics are sent once a minute and at the end.",
    "TRACES": "Claude Code sends traces since version 2.1; some sessions send none. Nothing else needs them.",
}
"""What to do where a kind does not come."""


class Mark(Enum):
    """The state of something that was looked at."""

    GOOD = "ok"
    WORTH_KNOWING = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: what was looked at, how it is, and what to do about it."""

    mark: Mark
    what: str
    told: str
    advice: str = ""


def examine(folder: Folder, claude: ClaudeFolder) -> Iterator[Found]:
    """Look at settings, token, server, clock and versions; what hangs on something broken is left out.

    Raises: StartupError for settings or a connection that cannot be read.
    """
    connection = folder.load()
    if connection is None:
        yield Found(Mark.BAD, "connection", "there is none", "Run `ccgraph connect`.")
        return
    yield from _settings(folder, connection)
    yield from _managed()
    yield from _hook(folder)
    yield from _version(claude, connection)
    yield _private(folder.token)
    yield from _server(folder, connection)
    yield from _mcp_server(folder, connection)
    yield from _watching(folder)


def client_of(folder: Folder, connection: Connection) -> Client:
    """A client with the connection's token."""
    return Client(connection.server, folder.token.read_text().strip())


def wanted_kinds(folder: Folder, connection: Connection) -> list[str]:
    """The kinds of records that should come: telemetry and transcripts only where they are turned on."""
    telemetry = ["LOGS", "METRICS", "TRACES"] if connection.entries.helper is not None else []
    return ["HOOK", *(NEEDS_WATCH if is_watched(folder) else ()), *telemetry]


def is_watched(folder: Folder) -> bool:
    """True if `ccgraph watch` runs for a connection."""
    with folder.alone() as alone:
        return not alone


def wait_for(
    client: Client,
    kinds: list[str],
    seconds: float,
    told: Callable[[str, Mapping[str, Any]], None],
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Wait until each kind has come at least once; gives those that did not.

    `told` hears of each with what the server says of it. Raises: Unreachable.
    """
    missing = list(kinds)
    deadline = time.monotonic() + seconds
    while True:
        sources = received(recent(client))
        for kind in list(missing):
            if kind in sources:
                missing.remove(kind)
                told(kind, sources[kind])
        if not missing or time.monotonic() >= deadline:
            return missing
        sleep(1.0)


def received(answer: Answer) -> dict[str, Mapping[str, Any]]:
    """The records that the server received of each kind, by the kind's name; hooks are taken together."""
    value = answer.json()
    if not isinstance(value, dict):
        return {}
    found = {
        name.upper(): source for name, source in _objects(value.get("sources")) if source.get("received")
    }
    hooks = [hook for _, hook in _objects(value.get("hooks")) if hook.get("received")]
    if hooks:
        found["HOOK"] = {
            "received": sum(hook["received"] for hook in hooks),
            "last_at": max(str(hook.get("last_at")) for hook in hooks),
        }
    return found


def _objects(value: object) -> list[tuple[str, Mapping[str, Any]]]:
    named = value.items() if isinstance(value, dict) else ()
    return [(str(name), one) for name, one in named if isinstance(one, dict)]


def _settings(folder: Folder, connection: Connection) -> Iterator[Found]:
    settings = read(folder.settings)
    if complete(settings.text, connection.entries):
        yield Found(Mark.GOOD, "settings", f"{len(connection.entries.events)} hooks in {folder.settings}")
    else:
        yield Found(
            Mark.BAD, "settings", f"entries are missing in {folder.settings}", "Run `ccgraph connect` again."
        )
    if value_at(settings.text, ("disableAllHooks",)) is True:
        yield Found(
            Mark.BAD, "hooks", "`disableAllHooks` is true in the settings", "Take it out of the settings."
        )
    if connection.entries.helper is None:
        yield Found(
            Mark.WORTH_KNOWING,
            "telemetry",
            "it goes to another place, or was left out",
            "Costs and durations are estimated from transcripts.",
        )


def _managed() -> Iterator[Found]:
    """Findings about settings of the machine's administrators, which override a person's settings."""
    for folder in MANAGED:
        for path in (folder / "managed-settings.json", *sorted(folder.glob("managed-settings.d/*.json"))):
            try:
                text = read(path).text
            except StartupError:
                continue  # one that Claude Code cannot read either
            for name in ("allowManagedHooksOnly", "disableAllHooks"):
                if value_at(text, (name,)) is True:
                    yield Found(
                        Mark.BAD,
                        "hooks",
                        f"`{name}` is true in {path}, so the hooks of your settings are not run",
                        "Ask who runs this machine; transcripts and telemetry come all the same.",
                    )


def _hook(folder: Folder) -> Iterator[Found]:
    """Findings about the hook: it must be able to run, and to write down what it cannot send."""
    if not os.access(folder.hook, os.X_OK):
        yield Found(
            Mark.BAD, "hook", f"{folder.hook} is not there, or cannot be run", "Run `ccgraph connect` again."
        )
    if shutil.which("curl") is None:
        yield Found(Mark.BAD, "hook", "it sends by curl, which is not installed", "Install curl.")
    probe = folder.spool / "probe"
    try:
        probe.write_bytes(bytes(_OF_A_HOOK))
    except OSError as error:
        yield Found(
            Mark.BAD,
            "spool",
            f"{folder.spool} takes nothing: {(error.strerror or str(error)).lower()}",
            "Hooks are lost while the server is away. Make room, or let yourself write there.",
        )
    with suppress(OSError):
        probe.unlink(missing_ok=True)


def _version(claude: ClaudeFolder, connection: Connection) -> Iterator[Found]:
    version = oldest_version(claude)
    if version is None:
        yield Found(
            Mark.WORTH_KNOWING, "Claude Code", "there is no sign of it yet", "Its version is not checked."
        )
        return
    name = ".".join(map(str, version))
    unknown = set(connection.entries.events) - set(events_for(version))
    missing = set(events_for(version)) - set(connection.entries.events)
    if unknown:
        yield Found(
            Mark.BAD,
            "Claude Code",
            f"version {name} skips settings that name {', '.join(sorted(unknown))}",
            "Run `ccgraph connect` again, or update Claude Code.",
        )
    elif missing:
        yield Found(
            Mark.WORTH_KNOWING,
            "Claude Code",
            f"version {name} tells more: {', '.join(sorted(missing))}",
            "Run `ccgraph connect` again.",
        )
    else:
        yield Found(Mark.GOOD, "Claude Code", f"version {name}")


def _private(token: Path) -> Found:
    try:
        mode = token.stat().st_mode & 0o777
    except OSError as error:
        return Found(Mark.BAD, "token", f"{token}: {error.strerror}", "Run `ccgraph connect` again.")
    if mode & 0o077:
        return Found(Mark.BAD, "token", f"others may read {token}", f"Run `chmod 600 {token}`.")
    return Found(Mark.GOOD, "token", f"in {token}, for you alone")


def _server(folder: Folder, connection: Connection) -> Iterator[Found]:
    url = connection.server.url
    began = time.time()
    try:
        answer = recent(client_of(folder, connection))
    except (Unreachable, OSError) as error:
        yield Found(
            Mark.BAD,
            "server",
            f"{url} cannot be reached: {error}",
            "Start it, or check the URL, the proxy variables and --ca.",
        )
        return
    if answer.status == 401:
        yield Found(
            Mark.BAD, "server", f"{url} does not know the token: {answer.sentence}", "Run `ccgraph connect`."
        )
    elif answer.status >= 300:
        yield Found(
            Mark.BAD,
            "server",
            f"{url} answers {answer.status}: {answer.sentence}",
            "Ask who runs the server.",
        )
    else:
        yield Found(Mark.GOOD, "server", f"{url} takes what comes")
        yield from _digestion(answer)
    yield from _expiry(connection)
    yield from _clock(answer, (began + time.time()) / 2)


def _digestion(answer: Answer) -> Iterator[Found]:
    """Findings about records that the server could not make rows of."""
    for name, told in _objects(answer.json()):
        if name == "failed" and told.get("records"):
            yield Found(
                Mark.WORTH_KNOWING,
                "digestion",
                f"{told['records']} records could not be read: {told.get('last_error')}",
                "They are kept. A newer ccgraph may read them.",
            )


def _expiry(connection: Connection) -> Iterator[Found]:
    if connection.expires_at is None:
        return
    days = (datetime.fromisoformat(connection.expires_at) - datetime.now(UTC)).days
    if days < _SOON:
        yield Found(
            Mark.BAD if days < 0 else Mark.WORTH_KNOWING,
            "token",
            f"it ends on {connection.expires_at[:10]}",
            "Run `ccgraph disconnect`, then `ccgraph connect`.",
        )


def _clock(answer: Answer, asked: float) -> Iterator[Found]:
    try:
        theirs = parsedate_to_datetime(answer.date or "").timestamp()
    except ValueError:
        return
    skew = asked - theirs
    if abs(skew) > _MOST_SKEW:
        yield Found(
            Mark.BAD,
            "clock",
            f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server",
            "Set the clock by NTP: times of transcripts and telemetry are this machine's.",
        )
    else:
        yield Found(Mark.GOOD, "clock", f"within {_MOST_SKEW:.0f} s of the server's")


def _mcp_server(folder: Folder, connection: Connection) -> Iterator[Found]:
    """The entry of ccgraph's own MCP server, its program and its token, as sessions find them."""
    what, again = "MCP server", "Run `ccgraph connect` again."
    known = own_server.load(folder)
    if known is None:
        yield Found(Mark.WORTH_KNOWING, what, "sessions have none of ours", "`ccgraph connect` writes it.")
        return
    try:
        found = value_at(read(Path(known.file)).text, known.place)
    except StartupError as error:
        yield Found(Mark.BAD, what, str(error), again)
        return
    if found is None:
        yield Found(Mark.BAD, what, f"its entry is missing in {known.file}", again)
        return
    if found != known.value:
        yield Found(
            Mark.WORTH_KNOWING, what, f"its entry in {known.file} was changed", "It is left as it is there."
        )
        return
    program = str(known.value.get("command"))
    if shutil.which(program) is None:
        yield Found(Mark.BAD, what, f"its program {program} is not there", again)
        return
    if str(folder.mcp_token) in known.value.get("args", ()):
        private = _private(folder.mcp_token)
        if private.mark is Mark.BAD:
            yield replace(private, what=what)
            return
        refusal = _refusal(folder, connection)
        if refusal is not None:
            yield Found(
                Mark.BAD,
                what,
                f"its token in {folder.mcp_token} is not taken: {refusal}",
                f"Remove the file, then run `ccgraph connect --url {connection.server.url} --username NAME`.",
            )
            return
    yield Found(Mark.GOOD, what, f"{own_server.NAME} in {known.file}")


def _refusal(folder: Folder, connection: Connection) -> str | None:
    """The reason for which the server refuses the access token; None where it takes the token, or is away."""
    try:
        client = Client(connection.server, folder.mcp_token.read_text().strip())
        answer = client.post("/graphql", {"query": "{ __typename }"})
    except (Unreachable, OSError):
        return None
    value = answer.json()
    errors = value.get("errors") if isinstance(value, dict) else None
    if answer.status == 401 or (isinstance(errors, list) and errors):
        return str(errors[0].get("message")) if errors else answer.sentence
    return None


def _watching(folder: Folder) -> Iterator[Found]:
    if is_watched(folder):
        yield Found(Mark.GOOD, "watch", "`ccgraph watch` runs")
    else:
        yield Found(
            Mark.WORTH_KNOWING, "watch", "`ccgraph watch` does not run: no transcripts", ADVICE["TRANSCRIPT"]
        )
    waiting = spool.spooled(folder)
    if waiting and folder.away.exists():
        yield Found(
            Mark.WORTH_KNOWING,
            "spool",
            f"{waiting} hooks wait on this disk",
            "They are sent by `ccgraph watch`, or after the next hook that reaches the server.",
        )
    yield from _traffic(folder)


def _traffic(folder: Folder) -> Iterator[Found]:
    """Findings about traffic that a proxy of MCP servers has recorded here; none where no proxy has."""
    if not folder.mcp.is_dir():
        return
    waiting = Spool(folder.mcp).waiting()
    age = 0.0 if waiting.since is None else time.time() - waiting.since
    told = f"{waiting.bytes:,} bytes of MCP traffic wait on this disk, the oldest for {round(age):,} s"
    if not waiting.files:
        yield Found(Mark.GOOD, "MCP spool", "nothing waits: what proxies recorded is sent")
    elif age < _SENT_WITHIN and waiting.bytes < MOST_BYTES // 2:
        yield Found(Mark.GOOD, "MCP spool", told)
    else:
        yield Found(
            Mark.WORTH_KNOWING,
            "MCP spool",
            f"{told}; there is room for {MOST_BYTES // 2**20} MB, and for {round(LONGEST / 86400)} days",
            "It is sent by `ccgraph watch`, or by the next MCP server that starts behind a proxy. What waits "
            "although the server is reached is of an instance that is not there, or of an archived project.",
        )


def last_told(source: Mapping[str, Any]) -> str:
    """A phrase that says how many records of a kind came, and when the last one did."""
    refused = f", {source['refused']} could not be read" if source.get("refused") else ""
    return f"{source.get('received')} so far, the last at {source.get('last_at')}{refused}"


def as_json(found: list[Found], missing: list[str]) -> str:
    """The findings as JSON, for scripts."""
    return json.dumps(
        {
            "checks": [
                {"mark": one.mark.value, "what": one.what, "told": one.told, "advice": one.advice}
                for one in found
            ],
            "missing": missing,
        },
        indent=2,
    )
