"""Cursors survive the way to a client and back, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.errors import CursorInvalid
from services.feed.cursors import Cursor, CursorCodec
from services.feed.events import number_at, place_of
from services.feed.snapshots import Snapshot

CODEC = CursorCodec(b"a secret of thirty-two characters", b"epoch")


@st.composite
def snapshots(draw: st.DrawFn, at_least: int = 3, start: int = 0) -> Snapshot:
    xmin = draw(st.integers(at_least, 2**63 - 10_000))
    others = draw(st.sets(st.integers(xmin + 1, xmin + 500), max_size=40))
    in_progress = tuple(sorted({xmin, *others})) if others else ()
    xmax = draw(st.integers(max(in_progress, default=xmin - 1) + 1, xmin + 2000))
    return Snapshot(xmin, xmax, in_progress, start)


@st.composite
def cursors(draw: st.DrawFn) -> Cursor:
    before = draw(snapshots(start=draw(st.integers(0, 2**31 - 1))))
    return Cursor(before, draw(snapshots(before.xmin, before.start)), draw(st.binary(max_size=40)))


@given(cursors())
def test_a_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    assert CODEC.decode(CODEC.encode(cursor)) == cursor


@given(st.integers(0, 2**63 - 1))
def test_an_event_number_comes_back_as_it_was(number: int) -> None:
    assert number_at(place_of(number)) == number


def test_a_quiet_database_gives_short_cursors() -> None:
    quiet = Snapshot(1_000_000, 1_000_000)
    assert len(CODEC.encode(Cursor(quiet, Snapshot(1_000_002, 1_000_002), place_of(123_456)))) <= 40


@given(cursors(), st.data())
def test_a_cursor_with_one_changed_character_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = CODEC.encode(cursor)
    index = data.draw(st.integers(0, len(text) - 2))  # the last character may carry spare bits
    other = "A" if text[index] != "A" else "B"
    with pytest.raises(CursorInvalid):
        CODEC.decode(text[:index] + other + text[index + 1 :])


@pytest.mark.parametrize("text", ["", "x", "not a cursor!", "é", "A" * 10_000, "\ud800", "AAAA====", "\x00"])
def test_text_that_is_no_cursor_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(CursorInvalid) as refusal:
        CODEC.decode(text)
    assert refusal.value.field == "after"
    assert "leave `after` out" in refusal.value.message


@pytest.mark.parametrize(
    "other",
    [
        CursorCodec(b"another secret", b"epoch"),
        CursorCodec(b"a secret of thirty-two characters", b"restored"),
    ],
)
def test_a_cursor_of_another_installation_or_epoch_is_refused(other: CursorCodec) -> None:
    with pytest.raises(CursorInvalid):
        CODEC.decode(other.encode(Cursor(Snapshot(5, 5), Snapshot(6, 6))))
