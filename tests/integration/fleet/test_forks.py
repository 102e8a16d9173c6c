"""A fork repeats lines of another session with their ids and times: each counts once, whatever comes first.

`tests/data/claude-code-fork` is a session that was forked, and went on, and the fork was forked again.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from models.enums import IngestSource
from services.core.database import Database
from services.fleet.records import RawRecord
from tests.integration.fleet.digesting import clear, digested, everything, person, rows
from tests.integration.fleet.test_any_order import differences, in_parts, tell
from tests.support.claude_code import FORK, records

ORIGIN = UUID("58cb84ad-d3ee-4f27-bdbc-63289121a356")
FIRST = UUID("d975ae15-2612-43cb-b1bc-04163a434ad2")
SECOND = UUID("59e8800a-fd0b-4ecb-9889-b86555181fbf")

ASKED = {ORIGIN: [1, 2, 3, 4, 5, 6, 7, 10, 11], FIRST: [8, 9], SECOND: [12]}
"""The requests of each session; 4 and 5 are those of a subagent."""

PROMPTS = {
    ORIGIN: {"[script:origin] Look around.", "Go on in the origin."},
    FIRST: {"Go on in the fork."},
    SECOND: {"Go on in the second fork."},
}


def file_of(record: RawRecord) -> str:
    return str(record.body.get("file", ""))


def of_file(session: UUID) -> Callable[[RawRecord], bool]:
    return lambda record: str(session) in file_of(record)


def without_marks(told: Sequence[RawRecord]) -> list[RawRecord]:
    """The same as versions write it that do not say of which session a request was."""
    found = []
    for record in told:
        if "lines" in record.body:
            lines = [
                {name: value for name, value in line.items() if name != "requestSessionId"}
                for line in record.body["lines"]
            ]
            record = replace(record, body={**record.body, "lines": lines})
        found.append(record)
    return found


async def counted(database: Database) -> dict[UUID, list[int]]:
    """The numbers of the requests of each session."""
    found: dict[UUID, list[int]] = {}
    for row in await rows(database, "cc_usage"):
        number = int(row["request_id"].removeprefix("req_"))
        assert (row["input_tokens"], row["output_tokens"]) == (100 + number, 40 + number)
        found.setdefault(row["session_id"], []).append(number)
    return {session: sorted(numbers) for session, numbers in found.items()}


async def assert_each_once(database: Database) -> None:
    assert await counted(database) == ASKED
    calls = await rows(database, "mcp_tool_calls")
    of_instances = Counter(row["cc_instance_id"] for row in calls)
    children = [row for row in await rows(database, "cc_instances") if row["type"] == "CHILD"]
    assert [row["parent_instance_id"] for row in children] == [ORIGIN]
    assert of_instances == {ORIGIN: 5, FIRST: 1, children[0]["id"]: 1}
    (answered,) = await rows(database, "ultrathink_messages")
    assert (answered["parent_instance_id"], answered["status"]) == (ORIGIN, "completed")
    (task,) = await rows(database, "tasks")
    assert (task["name"], task["assigned_to"]) == ("Tidy up", ORIGIN)
    (written,) = await rows(database, "file_operations")
    assert written["session_id"] == ORIGIN
    prompts = await rows(database, "cc_logs", "category = 'task'")
    told = {
        session: {row["message"] for row in prompts if row["cc_instance_id"] == session}
        for session in PROMPTS
    }
    assert (told, len(prompts)) == (PROMPTS, 4)
    for session in await rows(database, "sessions"):
        used = ASKED[session["session_id"]]
        assert session["total_tokens_used"] == sum(100 + n + 40 + n + 950 for n in used)


async def test_what_a_fork_repeats_counts_in_its_origin_alone(database: Database) -> None:
    await digested(database, await person(database), records(FORK))

    await assert_each_once(database)
    found = {row["session_id"]: row for row in await rows(database, "sessions")}
    assert found[ORIGIN]["created_at"] < found[FIRST]["created_at"] < found[SECOND]["created_at"]


@pytest.mark.parametrize("seed", range(12))
async def test_the_order_of_files_hooks_and_telemetry_does_not_matter(database: Database, seed: int) -> None:
    who = await person(database)
    await digested(database, who, records(FORK))
    expected = await everything(database)
    await clear(database)
    chance = random.Random(seed)
    again = in_parts(records(FORK), chance)
    again += chance.sample(again, len(again) // 2)
    chance.shuffle(again)

    await tell(database, who, again, chance)

    await assert_each_once(database)
    assert "\n".join(differences(expected, await everything(database))) == ""


@pytest.mark.parametrize("seed", range(8))
async def test_without_a_word_of_the_origin_equal_lines_count_once(database: Database, seed: int) -> None:
    who = await person(database)
    told = [record for record in without_marks(records(FORK)) if record.source is IngestSource.TRANSCRIPT]
    chance = random.Random(seed)
    again = in_parts(told, chance)
    chance.shuffle(again)

    await tell(database, who, again, chance)

    await assert_each_once(database)


@pytest.mark.parametrize("seed", range(8))
async def test_each_source_of_the_origin_alone_is_joined_with_the_file_of_the_fork(
    database: Database, seed: int
) -> None:
    who = await person(database)
    chance = random.Random(seed)
    source = chance.choice([IngestSource.HOOK, IngestSource.LOGS])
    told = [
        record
        for record in records(FORK)
        if record.source is source or (record.source is IngestSource.TRANSCRIPT and of_file(FIRST)(record))
    ]
    await digested(database, who, told)
    expected = await everything(database)
    await clear(database)
    again = in_parts(told, chance)
    chance.shuffle(again)

    await tell(database, who, again, chance)

    assert "\n".join(differences(expected, await everything(database))) == ""
    calls = await rows(database, "mcp_tool_calls")
    assert Counter(row["cc_instance_id"] == FIRST for row in calls) == {True: 1, False: 6}


async def test_a_fork_whose_origin_never_comes_keeps_its_rows(database: Database) -> None:
    who = await person(database)
    await digested(database, who, [one for one in records(FORK) if of_file(FIRST)(one)])

    assert await counted(database) == {FIRST: [1, 2, 3, 6, 7, 8, 9]}
    assert len(await rows(database, "mcp_tool_calls")) == 5
    (child,) = [row for row in await rows(database, "cc_instances") if row["type"] == "CHILD"]
    assert child["parent_instance_id"] == FIRST
    (task,) = await rows(database, "tasks")
    assert task["assigned_to"] == FIRST


async def test_of_two_forks_without_their_origin_the_first_has_the_lines(database: Database) -> None:
    who = await person(database)
    for session in (SECOND, FIRST):
        await digested(database, who, [one for one in records(FORK) if of_file(session)(one)])

    assert await counted(database) == {FIRST: [1, 2, 3, 6, 7, 8, 9], SECOND: [12]}


async def test_another_person_with_the_same_lines_touches_nothing(database: Database) -> None:
    who, other = await person(database), await person(database)
    origin = [one for one in records(FORK) if of_file(ORIGIN)(one)]
    fork = [one for one in records(FORK) if of_file(FIRST)(one)]
    await digested(database, who, origin)
    before = await everything(database)

    await digested(database, other, fork)

    after = await everything(database)
    for table, known in before.items():
        missing = [row for row in known if row not in after[table]]
        assert missing == [], table
    assert (await counted(database))[FIRST] == [1, 2, 3, 6, 7, 8, 9]
    assert (await counted(database))[ORIGIN] == ASKED[ORIGIN]


async def test_rows_that_an_older_server_has_doubled_are_mended_by_telling_again(database: Database) -> None:
    who = await person(database)
    told = [one for one in records(FORK) if one.source is IngestSource.TRANSCRIPT]
    for session in (ORIGIN, FIRST, SECOND):
        await digested(database, who, [one for one in without_marks(told) if of_file(session)(one)])
        async with database.writer.begin() as connection:
            # As that server has stored them, which knew of no lines.
            await connection.execute(text("DELETE FROM cc_provenance WHERE kind IN ('spent', 'kin')"))
            await connection.execute(
                text("UPDATE cc_provenance SET told = told - 'line' - 'origin' - 'forked' - 'born'")
            )
    assert len(await rows(database, "mcp_tool_calls")) == 7 + 4 + 5

    await digested(database, who, told)

    await assert_each_once(database)


@pytest.mark.parametrize("is_lesser", [True, False], ids=["before", "after"])
async def test_requests_and_tools_of_the_same_ids_in_other_lines_are_others(
    database: Database, is_lesser: bool
) -> None:
    """A fork goes on with a request whose id its origin has, too, as no two lines are the same."""
    who = await person(database)
    told = records(FORK)
    for record in told:
        for line in record.body.get("lines", ()) if of_file(FIRST)(record) else ():
            if line.get("requestId") == "req_000008":
                line["requestId"] = "req_000010"
    told = [one for one in told if one.source is IngestSource.TRANSCRIPT]
    await digested(database, who, told if is_lesser else told[::-1])

    found = await rows(database, "cc_usage", "request_id = 'req_000010'")
    assert {row["session_id"] for row in found} == {ORIGIN, FIRST}


COMMAND = "<command-message>hello</command-message>\n<command-name>/hello</command-name>"


def by_a_command(told: Sequence[RawRecord]) -> list[RawRecord]:
    """The same with forks that were begun by a skill: it is the first own prompt, and is no prompt's line."""
    found = []
    own = [*PROMPTS[FIRST], *PROMPTS[SECOND]]
    for record in told:
        body = json.loads(json.dumps(record.body))
        for line in body.get("lines", ()):
            if line.get("message", {}).get("content") in own:
                line["message"]["content"] = COMMAND
        if body.get("prompt") in own:
            body["prompt"] = "/hello"
        found.append(replace(record, body=body))
    return found


def of_origin(record: RawRecord) -> bool:
    return of_file(ORIGIN)(record) or record.body.get("session_id") == str(ORIGIN)


async def prompts(database: Database) -> list[tuple[UUID, str]]:
    """What was asked of which session, in the order in which it was."""
    found = await rows(database, "cc_logs", "category = 'task'")
    found.sort(key=lambda row: row["created_at"])
    return [(row["cc_instance_id"], row["message"]) for row in found]


OF_ORIGIN = [(ORIGIN, "[script:origin] Look around."), (ORIGIN, "Go on in the origin.")]


@pytest.mark.parametrize("origin", ["hook", "transcript", "both"])
@pytest.mark.parametrize("of_forks", ["transcript", "both"])
@pytest.mark.parametrize("seed", range(4))
async def test_a_prompt_that_a_fork_repeats_is_one_row_also_where_the_fork_has_none_of_its_own(
    database: Database, origin: str, of_forks: str, seed: int
) -> None:
    who = await person(database)
    told = [
        one
        for one in by_a_command(records(FORK))
        if (of_forks if not of_origin(one) else origin) in ("both", one.source.value)
        and one.source in (IngestSource.HOOK, IngestSource.TRANSCRIPT)
    ]
    await digested(database, who, told)
    expected = await everything(database)
    own = [(FIRST, "/hello"), (SECOND, "/hello")] if of_forks == "both" else []
    assert await prompts(database) == [OF_ORIGIN[0], *own[:1], OF_ORIGIN[1], *own[1:]]
    await clear(database)
    chance = random.Random(f"{origin}{of_forks}{seed}")
    again = in_parts(told, chance)
    again += chance.sample(again, len(again) // 2)
    chance.shuffle(again)

    await tell(database, who, again, chance)

    assert "\n".join(differences(expected, await everything(database))) == ""


async def test_a_prompt_of_a_fork_comes_back_when_its_line_follows_what_is_repeated(
    database: Database,
) -> None:
    who = await person(database)
    origin = [one for one in records(FORK) if of_origin(one) and one.source is IngestSource.HOOK]
    (fork,) = [one for one in records(FORK) if of_file(FIRST)(one)]
    own = next(
        number
        for number, line in enumerate(fork.body["lines"])
        if line.get("message", {}).get("content") == "Go on in the fork."
    )
    start, rest = (
        replace(fork, body={**fork.body, "offset": at, "lines": fork.body["lines"][at:to]})
        for at, to in ((0, own), (own, None))
    )
    await digested(database, who, [start])
    assert await prompts(database) == [(FIRST, "[script:origin] Look around.")]

    await digested(database, who, origin)
    assert await prompts(database) == OF_ORIGIN
    await digested(database, who, [start])
    assert await prompts(database) == OF_ORIGIN
    await digested(database, who, [rest])

    assert await prompts(database) == [OF_ORIGIN[0], (FIRST, "Go on in the fork."), OF_ORIGIN[1]]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("order", [(ORIGIN, FIRST), (FIRST, ORIGIN)])
async def test_a_repeated_prompt_is_known_by_its_line_too(
    database: Database, order: tuple[UUID, UUID], marked: bool
) -> None:
    who = await person(database)
    told = by_a_command([one for one in records(FORK) if one.source is IngestSource.TRANSCRIPT])
    for session in order:
        of_session = [one for one in told if of_file(session)(one)]
        await digested(database, who, of_session if marked else without_marks(of_session))

    assert await prompts(database) == OF_ORIGIN
