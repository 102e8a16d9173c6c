"""Lines are the same however their bytes come, and their memory is bounded."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.proxy.lines import HEAD, LONGEST, TAIL, Line, Lines

contents = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8)


def lines(chunks: list[bytes]) -> list[Line]:
    """What the chunks are, at their end."""
    side = Lines()
    return [line for chunk in chunks for line in side.feed(chunk)] + [*side.end()]


@given(contents, st.booleans(), st.lists(st.integers(0, 300), max_size=12))
def test_lines_do_not_hang_on_how_their_bytes_come(given: list[bytes], ended: bool, cuts: list[int]) -> None:
    text = b"\n".join(given) + (b"\n" if ended and given else b"")
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[start:end] for start, end in pairwise(places)]
    whole = text.split(b"\n")
    wanted = whole if whole[-1] else whole[:-1]
    assert lines(chunks) == [Line(len(line), line) for line in wanted]


def test_of_a_long_line_its_beginning_and_its_end_are_kept() -> None:
    text = b"a" * HEAD + b"b" * 3 * LONGEST + b"c" * TAIL
    chunks = [text[at : at + 65_536] for at in range(0, len(text), 65_536)]
    [line, after] = lines([*chunks, b"\nnext\n"])
    assert line == Line(len(text), b"a" * HEAD, b"c" * TAIL)
    assert after == Line(4, b"next")


def test_what_a_loss_has_broken_is_left_out() -> None:
    side = Lines()
    assert [*side.feed(b"one\ntw")] == [Line(3, b"one")]
    side.lose()
    assert [*side.feed(b"ree\nfour\n")] == [Line(4, b"four")]
    side.lose()
    assert [*side.feed(b"rest")] == []
    assert [*side.end()] == []
