"""Nothing that is sent makes a reader fail: it is counted, told, and takes nothing else with it."""

import copy
import json
import random
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.enums import IngestSource
from services.fleet.entities import gathered
from services.fleet.reading import read
from services.fleet.records import RawRecord
from services.fleet.values import LARGEST_PAYLOAD, LONGEST_TEXT, cut, moment, nanoseconds, payload, whole
from tests.support.claude_code import records

NOW = datetime(2026, 11, 28, 17, tzinfo=UTC)

SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "\0", "\ud800", "x" * 5_000, "2026-13-45T99:99:99Z", "-1", "1e400", "NaN"])
)
NAMES = st.sampled_from(
    [
        *(
            "session_id",
            "hook_event_name",
            "tool_name",
            "tool_use_id",
            "tool_input",
            "tool_response",
            "error",
        ),
        *(
            "agent_id",
            "background_tasks",
            "tool_calls",
            "lines",
            "meta",
            "file",
            "type",
            "message",
            "content",
        ),
        *(
            "usage",
            "toolUseResult",
            "sessionId",
            "timestamp",
            "resourceLogs",
            "scopeLogs",
            "logRecords",
            "key",
        ),
        *("attributes", "value", "stringValue", "intValue", "body", "alive", "gone", "pid", "at", "hook"),
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
BODIES = st.dictionaries(NAMES, ANYTHING, max_size=8)


@given(source=st.sampled_from(list(IngestSource)), body=BODIES)
def test_any_object_is_read(source: IngestSource, body: dict[str, Any]) -> None:
    found = read(RawRecord(1, source, NOW, body))

    for entities in gathered(found.facts).values():
        for entity in entities.values():
            orjson.dumps(entity.stored(), option=orjson.OPT_NON_STR_KEYS)


def mutated(value: Any, chance: random.Random) -> Any:
    """A copy in which something is of another type."""
    if isinstance(value, dict):
        return {
            name: odd(chance) if chance.random() < 0.03 else mutated(item, chance)
            for name, item in value.items()
            if chance.random() > 0.02
        }
    if isinstance(value, list):
        return [odd(chance) if chance.random() < 0.03 else mutated(item, chance) for item in value]
    return value


def odd(chance: random.Random) -> Any:
    """Something else."""
    return chance.choice(
        [None, 0, -1, 2**80, 1.5, float("nan"), True, "", "\0\ud800", [], {}, [[]], {"a": {}}]
    )


@pytest.mark.parametrize("seed", range(10))
def test_recordings_in_which_anything_is_otherwise_are_read(seed: int) -> None:
    chance = random.Random(seed)
    for record in records():
        body = mutated(copy.deepcopy(record.body), chance)
        found = read(RawRecord(record.id, record.source, record.received_at, body))
        for problem in found.problems:
            assert "could not be read" not in problem, (problem, record.source)


def test_a_million_attributes_and_a_deep_value_are_bounded() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = {"kvlistValue": {"values": [{"key": "a", "value": deep}]}}
    many = [{"key": f"a{n}", "value": {"intValue": str(n)}} for n in range(1_000_000)]
    attributes = [
        {"key": "session.id", "value": {"stringValue": "s"}},
        {"key": "event.name", "value": {"stringValue": "brand_new"}},
        {"key": "deep", "value": deep},
        *many,
    ]
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": attributes}]}]}]}

    found = read(RawRecord(1, IngestSource.LOGS, NOW, body))

    (details,) = [fact.values["details"] for fact in found.facts if "details" in fact.values]
    assert len(json.dumps(details)) < 3 * LARGEST_PAYLOAD


def test_long_texts_are_cut_between_words() -> None:
    text = "word " * 4_000

    shown = cut(text)

    assert len(shown) < LONGEST_TEXT + 50
    kept, _, rest = shown.partition("…")
    assert text.startswith(kept)
    assert kept.endswith("word ")
    assert rest == f" [{len(text) - len(kept):,} characters left out]"
    assert cut("short") == "short"


def test_a_payload_is_bounded_as_a_whole() -> None:
    large = {"a": ["x" * 9_000] * 50, "b": {"c": "y" * 50_000}}

    assert len(json.dumps(payload(large))) < LARGEST_PAYLOAD + 5_000
    assert payload({"type": "text", "data": "kept", "n": float("inf"), "m": 2**90}) == {
        "type": "text",
        "data": "kept",
        "n": "inf",
        "m": str(2**90),
    }


@pytest.mark.parametrize("value", [None, True, -1, "x", "1e999", [], {}, float("nan"), 2**64, "9" * 100])
def test_what_is_no_number_is_absent(value: object) -> None:
    assert whole(value) is None
    assert moment(value) is None
    assert nanoseconds(value) is None


def test_numbers_come_as_texts_at_times() -> None:
    assert [whole(value) for value in (7, "7", 7.2, "7.6", "1e3")] == [7, 7, 7, 8, 1000]
