"""What is put into a settings file can be taken out again, byte for byte, whatever is in it."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connect.claude_code import FORGIVING, events_for
from app.connect.entries import Entries, Trace, complete, put_in, take_out, telemetry
from app.connect.json_text import NotJson, insert, parse, remove, value_at

URL = "https://ccgraph.example.com"
ENTRIES = Entries(
    command="'/home/a b/.claude/ccgraph/user/hook'",
    events=events_for(FORGIVING),
    hold=30,
    environment=telemetry(URL, None),
    helper="/home/a/helper",
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
handlers = st.dictionaries(st.sampled_from(["type", "command", "timeout", "if"]), values, max_size=3)
groups = st.fixed_dictionaries(
    {"hooks": st.lists(handlers, max_size=2)}, optional={"matcher": texts, "x": values}
)
events = st.sampled_from(["Stop", "PreToolUse", "SessionStart", "Unheard of"])
known = st.fixed_dictionaries(
    {},
    optional={
        "hooks": st.dictionaries(events, st.lists(groups | values, max_size=2), max_size=3),
        "env": st.dictionaries(
            st.sampled_from([*telemetry(URL, None), "PATH"]), st.sampled_from(["1", "otlp", ""]), max_size=3
        ),
        "otelHeadersHelper": st.just("/bin/true"),
    },
)
settings = st.tuples(st.dictionaries(texts, values, max_size=4), known).map(
    lambda pair: {**pair[0], **pair[1]}
)
indents = st.sampled_from([None, 0, 1, 2, 4, "\t"])
separators = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])
STRING_OR_EMPTY = re.compile(r'"(?:[^"\\]|\\.)*"|\{\}|\[\]')
WIDE = {"{}": "{ }", "[]": "[\n]"}


@st.composite
def written(draw: st.DrawFn) -> str:
    """A settings file as one of many editors writes it."""
    indent = draw(indents)
    text = json.dumps(
        draw(settings), indent=indent, separators=draw(separators), ensure_ascii=draw(st.booleans())
    )
    if draw(st.booleans()):
        text = STRING_OR_EMPTY.sub(lambda found: WIDE.get(found[0], found[0]), text)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    blanks = st.sampled_from(["", "\n", "\r\n", "  \n\n"])
    return draw(blanks) + text + draw(blanks)


@given(written())
def test_taking_out_what_was_put_in_gives_the_text_of_before(text: str) -> None:
    after, trace = put_in(text, ENTRIES)
    assert complete(after, ENTRIES) or value_at(text, ("otelHeadersHelper",)) or value_at(text, ("env",))
    assert Trace.of_json(json.loads(json.dumps(trace.as_json()))) == trace
    assert take_out(after, ENTRIES, trace) == text


@given(written())
def test_what_was_there_is_still_there_and_in_its_order(text: str) -> None:
    before, after = json.loads(text), json.loads(put_in(text, ENTRIES)[0])
    for event, theirs in before.get("hooks", {}).items():
        assert after["hooks"][event][: len(theirs)] == theirs
    for name, value in before.get("env", {}).items():
        assert after["env"][name] == value
    rest = {name: value for name, value in before.items() if name not in ("hooks", "env")}
    assert {name: after[name] for name in rest} == rest
    assert list(after)[: len(before)] == list(before)


@given(written())
def test_what_was_edited_meanwhile_stays(text: str) -> None:
    """Another program reads the settings, adds something anywhere, and writes them anew."""
    after, trace = put_in(text, ENTRIES)
    edited = json.loads(after)
    edited["model"] = "opus"
    edited["hooks"].setdefault("Stop", []).insert(0, {"hooks": [{"type": "command", "command": "date"}]})
    edited.setdefault("env", {})["MINE"] = "1"
    rewritten = json.dumps(edited, indent=2)
    left = json.loads(take_out(rewritten, ENTRIES, trace))
    wanted = json.loads(text)
    wanted["model"] = "opus"
    wanted.setdefault("hooks", {}).setdefault("Stop", []).insert(
        0, {"hooks": [{"type": "command", "command": "date"}]}
    )
    wanted.setdefault("env", {})["MINE"] = "1"
    assert left == wanted


def test_entries_are_found_where_a_person_has_moved_them() -> None:
    after, trace = put_in('{"hooks": {"Stop": [{"hooks": [{"command": "date"}]}]}}', ENTRIES)
    moved = json.loads(after)
    ours = moved["hooks"]["Stop"].pop()["hooks"][0]
    moved["hooks"]["Stop"][0]["hooks"].insert(0, ours)
    left = json.loads(take_out(json.dumps(moved), ENTRIES, trace))
    assert left == {"hooks": {"Stop": [{"hooks": [{"command": "date"}]}]}}


def test_a_variable_that_was_there_already_is_left_at_the_end() -> None:
    text = '{"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": "1"}}'
    after, trace = put_in(text, ENTRIES)
    assert json.loads(take_out(after, ENTRIES, trace)) == json.loads(text)


def test_a_variable_that_a_person_has_changed_is_left() -> None:
    after, trace = put_in("{}", ENTRIES)
    left = take_out(after.replace(URL, "https://other.example.com"), ENTRIES, trace)
    assert json.loads(left) == {"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://other.example.com"}}


def test_hooks_wait_two_seconds_and_permissions_as_long_as_was_asked() -> None:
    hooks = json.loads(put_in("{}", ENTRIES)[0])["hooks"]
    waits = {event: groups[0]["hooks"][0]["timeout"] for event, groups in hooks.items()}
    assert waits.pop("PermissionRequest") == 32
    assert set(waits.values()) == {2}
    assert "WorktreeCreate" not in hooks


@pytest.mark.parametrize(
    ("version", "events"),
    [(None, 24), ((2, 0, 14), 9), ((2, 1, 4), 12), ((2, 1, 100), 12), ((2, 1, 101), 24)],
)
def test_only_events_are_registered_that_the_version_takes(
    version: tuple[int, int, int] | None, events: int
) -> None:
    assert len(events_for(version)) == events
    assert "SessionStart" in events_for(version)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("{", "line 1, column 2"),
        ('{\n  // model\n  "a": 1\n}', "line 2, column 3"),
        ('{"a": 1,}', "line 1, column"),
        ('{"a": NaN}', "it holds NaN"),
        ("{} {}", "something follows its end in line 1, column 4"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": "\t"}', "invalid control character"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(NotJson, match=reason):
        parse(text)


def test_numbers_of_any_length_are_left_as_they_are() -> None:
    text = '{"a": %s, "b": 1e999}' % ("9" * 10_000)
    assert remove(insert(text, (), "c", 1), ("c",)) == text


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        ("{}", 1, '{\n  "k": 1\n}'),
        ('{"a":1}', [1, {"b": 2}], '{"a":1,"k":[1,{"b":2}]}'),
        ('{"a": 1}', {"b": 2}, '{"a": 1, "k": {"b": 2}}'),
        ('{\n\t"a": 1\n}\n', {"b": 2}, '{\n\t"a": 1,\n\t"k": {\n\t\t"b": 2\n\t}\n}\n'),
        ('{\r\n    "a": 1\r\n}', 1, '{\r\n    "a": 1,\r\n    "k": 1\r\n}'),
    ],
)
def test_it_is_written_in_the_manner_of_what_stands_beside_it(text: str, value: Any, after: str) -> None:
    assert insert(text, (), "k", value) == after


def test_of_members_with_the_same_key_the_last_one_counts() -> None:
    text = '{"hooks": {"Stop": 1}, "hooks": {}}'
    after, trace = put_in(text, ENTRIES)
    assert complete(after, ENTRIES)
    assert take_out(after, ENTRIES, trace) == text
