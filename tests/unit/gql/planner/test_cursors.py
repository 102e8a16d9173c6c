"""Cursors: each belongs to its order, and one that was altered is told from a good one."""

import base64
from datetime import datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.planner.cursors import CursorValue, Held, Seal, compile_after, compile_cursor, held_in, read_cursor
from gql.planner.errors import CursorUnusable
from gql.planner.order import Order, compile_order
from tests.unit.gql.planner.clauses import CATALOG, asked, bound, statement

VALUES = st.lists(st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=20), min_size=1, max_size=3)


def order(arguments: str = "orderBy: {priority: ASC}") -> Order:
    """An order of tasks."""
    made = statement()
    return compile_order(made, CATALOG.types["Task"], "t", asked(arguments).arguments(made.env))


def cursor(values: list[object], of: Order) -> str:
    """What the server gives for a row with these values."""
    body = orjson.dumps(values)
    return f"{Seal(of.fingerprint, None).over(body, {})}.{base64.b64encode(body).decode()}"


def read(text: object, of: Order) -> list[object]:
    """The values in a cursor that a client gives."""
    made = statement(after=text)
    found = read_cursor(made, asked("after: $after").arguments(made.env)["after"], of)
    return [CursorValue(found, place).resolve({"after": text}) for place in range(len(found.held))]


@given(VALUES)
def test_the_nulls_of_a_cursor_are_known_before_its_values(values: list[object]) -> None:
    held = held_in(cursor(values, order()))
    assert held is not None
    assert [kind is Held.NULL for kind in held] == [value is None for value in values]


@pytest.mark.parametrize(
    ("time", "parameter"),
    [
        ("2026-03-01T12:00:00.12345+00:00", "$1::timestamptz"),
        ("9999-12-31T23:59:59.999999+00:00", "$1::timestamptz"),
        ("10000-01-01T00:00:00+00:00", "$1::text::timestamptz"),
        ("0044-03-15T12:00:00+00:00 BC", "$1::text::timestamptz"),
        ("-infinity", "$1::text::timestamptz"),
    ],
)
def test_a_time_is_given_as_one_and_as_text_where_python_has_none(time: str, parameter: str) -> None:
    by_time = order("orderBy: {createdAt: ASC}")
    text = cursor([time, "0197a1b2-0000-7000-8000-00000000abcd"], by_time)
    made = statement(after=text)
    found = read_cursor(made, asked("after: $after").arguments(made.env)["after"], by_time)
    condition = compile_after(made, by_time, found, reverse=False)
    assert condition == f"(t.created_at, t.id) > ({parameter}, $2::uuid)"
    first, _ = bound(made, {"after": text})
    assert first == (datetime.fromisoformat(time) if "::text" not in parameter else time)


@given(st.none() | st.integers(-(2**31), 2**31))
def test_a_cursor_gives_the_values_of_its_row(priority: int | None) -> None:
    assert read(cursor([priority, "a key"], order()), order()) == [priority, "a key"]


@pytest.mark.parametrize(
    "other", ["", "orderBy: {priority: DESC}", "orderBy: [{name: ASC}, {priority: ASC}]"]
)
def test_a_cursor_of_another_order_is_refused(other: str) -> None:
    with pytest.raises(CursorUnusable) as refusal:
        read(cursor([1, "a key"], order(other)), order())
    assert refusal.value.path == ("list", "after")


@given(st.data())
def test_a_cursor_with_one_sign_altered_is_refused(data: st.DataObject) -> None:
    good = cursor([5, "0197a1b2-0000-7000-8000-00000000abcd"], order())
    place = data.draw(st.integers(0, len(good) - 1))
    sign = data.draw(st.sampled_from("0123456789abcdefXYZ._=").filter(lambda one: one != good[place]))
    altered = good[:place] + sign + good[place + 1 :]
    with pytest.raises(CursorUnusable):
        read(altered, order())


@pytest.mark.parametrize("text", ["", ".", "x", "a.b", 7, ["a"], "0" * 12 + ".e30="])
def test_what_is_no_cursor_is_refused(text: object) -> None:
    assert held_in(text) is None
    with pytest.raises(CursorUnusable):
        read(text, order())


def test_postgresql_seals_the_values_of_the_row_and_long_numbers_as_texts() -> None:
    found = order("orderBy: [{inputData: {at: [], direction: ASC}}, {priority: ASC}]")
    text = compile_cursor(statement(), found, "t")
    assert f"sha256(convert_to('{found.fingerprint}' || body$1.json, 'UTF8'))" in text
    assert "::text, " in text, "JSON may have more digits than a reader keeps"
