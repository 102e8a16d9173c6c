"""What waits to be recorded is bounded, for one person and for all."""

from typing import Any, cast
from uuid import UUID

import pytest

from app.mcp import recording
from app.mcp.recording import MOST_BYTES, TrafficRecorder
from services.core.principal import Principal

MESSAGE = {"jsonrpc": "2.0", "method": "m", "params": {"text": "x" * 100_000}}
INSTANCE = UUID(int=1)


@pytest.fixture
def recorder() -> TrafficRecorder:
    """One that writes nothing."""
    return TrafficRecorder(cast(Any, None), cast(Any, None))


def _say(recorder: TrafficRecorder, person: int, times: int) -> None:
    for _ in range(times):
        recorder.note(Principal(person, str(person), is_admin=False), INSTANCE, "client", MESSAGE)


def test_what_one_person_says_leaves_room_for_others(recorder: TrafficRecorder) -> None:
    _say(recorder, 1, 100)
    assert MOST_BYTES - 200_000 < recorder.waiting <= MOST_BYTES
    before = recorder.waiting
    _say(recorder, 2, 1)
    assert recorder.waiting > before


def test_all_together_have_a_bound(recorder: TrafficRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 1_000_000)
    for person in range(30):
        _say(recorder, person, 1)
    assert 800_000 < recorder.waiting <= 1_000_000
