"""Demo usage of models, the permissions that instances asked for, and what they do now."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.demo.instances import InstanceRow, Wave
from services.demo.json_text import json_text
from services.demo.seeded_random import Chance
from services.demo.words import Phrase

REQUESTS_PER_INSTANCE = 12


class CcUsageRow(NamedTuple):
    """A row of cc_usage."""

    id: UUID
    cc_instance_id: UUID
    project_id: UUID
    user_id: int
    request_id: str
    model: str
    asked_by: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_creation_tokens: int
    cache_creation_5m_tokens: int
    cost_micro_usd: int
    cost_is_estimated: bool
    duration_ms: int
    time_to_first_token_ms: int
    requested_at: datetime
    created_at: datetime


class CcPermissionRequestRow(NamedTuple):
    """A row of cc_permission_requests."""

    id: UUID
    cc_instance_id: UUID
    user_id: int
    tool_name: str
    tool_input: str
    asked_at: datetime
    answered_at: datetime | None
    answered_by: int | None
    decision: str | None
    waited_ms: int | None


class _Model(NamedTuple):
    """A model, and the dollars that a million tokens of it cost."""

    name: str
    reading: int
    writing: int


_MODELS = (
    _Model("claude-opus-4-5", 5, 25),
    _Model("claude-sonnet-4-5", 3, 15),
    _Model("claude-haiku-4-5", 1, 5),
)
_ACTIVITIES = ("WORKING", "WORKING", "WORKING", "WORKING", "BACKGROUND", "RETRYING", "WAITING_ANSWER")
_TOOLS = ("Bash: make test", "Read: README.md", "Edit: src/main.py", "Grep: TODO", "Task: review the change")
_QUESTION = Phrase("Keep the old column, or drop it?", "古い列を残しますか、削除しますか？")
_MESSAGES = (
    Phrase("All {passed} tests pass; I commit this now.", "テスト{passed}件がすべて成功。コミットします。"),
    Phrase("I look at the failing test first.", "まず失敗しているテストを確認します。"),
    Phrase("The field is named and validated in one place.", "項目の命名と検証を一か所にまとめました。"),
    Phrase("I am waiting for the build.", "ビルドの完了を待っています。"),
)
_COMMANDS = ("make test", "git push", "npm install", "docker compose up -d", "rm -r build")


def cc_usage(waves: list[Wave], seed: int, until: datetime) -> Iterator[CcUsageRow]:
    """The requests of each instance over its life."""
    for wave, instance in _instances(waves):
        chance = Chance(seed, "usage", instance.id)
        model = chance.pick(_MODELS)
        life = (instance.terminated_at or until) - instance.started_at
        for place in range(REQUESTS_PER_INSTANCE):
            at = instance.started_at + life * ((place + 0.9 * chance.random()) / REQUESTS_PER_INSTANCE)
            yield _usage(wave, instance, model, at, chance)


def _usage(wave: Wave, instance: InstanceRow, model: _Model, at: datetime, chance: Chance) -> CcUsageRow:
    read, written = chance.between(20, 4_000), chance.between(40, 3_000)
    cached, kept = chance.between(5_000, 150_000), chance.between(200, 9_000)
    took = chance.between(900, 40_000)
    return CcUsageRow(
        id=chance.uuid(at),
        cc_instance_id=instance.id,
        project_id=wave.project.uuid,
        user_id=wave.project.owner.row.id,
        request_id=f"req_{chance.hexadecimal(24)}",
        model=model.name,
        asked_by="subagent" if instance.parent_instance_id else "main",
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_creation_tokens=kept,
        cache_creation_5m_tokens=kept,
        cost_micro_usd=round(model.reading * (read + cached / 10 + kept * 1.25) + model.writing * written),
        cost_is_estimated=chance.happens(0.2),
        duration_ms=took,
        time_to_first_token_ms=took // 6,
        requested_at=at,
        created_at=at,
    )


def cc_permission_requests(waves: list[Wave], seed: int, until: datetime) -> Iterator[CcPermissionRequestRow]:
    """A few permissions; those of instances that run may still wait."""
    for wave, instance in _instances(waves):
        chance = Chance(seed, "permission", instance.id)
        if not chance.happens(0.1):
            continue
        person = wave.project.owner.row.id
        life = (instance.terminated_at or until) - instance.started_at
        asked = instance.started_at + life * (0.9 * chance.random())
        waits = instance.status == "RUNNING" and chance.happens(0.5)
        waited = min(timedelta(seconds=chance.between(2, 600)), (instance.terminated_at or until) - asked)
        yield CcPermissionRequestRow(
            id=chance.uuid(asked),
            cc_instance_id=instance.id,
            user_id=person,
            tool_name="Bash",
            tool_input=json_text({"command": chance.pick(_COMMANDS)}),
            asked_at=asked,
            answered_at=None if waits else asked + waited,
            answered_by=None if waits else person,
            decision=None if waits else "deny" if chance.happens(0.2) else "allow",
            waited_ms=None if waits else round(waited.total_seconds() * 1000),
        )


def with_activity(
    waves: list[Wave], asked: list[CcPermissionRequestRow], seed: int, until: datetime
) -> list[InstanceRow]:
    """The instances of the waves, with what those that live do at the end of the year."""
    open_requests = {row.cc_instance_id: row for row in asked if row.decision is None}
    return [
        _active(wave, instance, open_requests.get(instance.id), seed, until)
        for wave in waves
        for instance in wave.instances
    ]


def _active(
    wave: Wave, instance: InstanceRow, asks: CcPermissionRequestRow | None, seed: int, until: datetime
) -> InstanceRow:
    if instance.status not in ("RUNNING", "IDLE") or instance.started_at is None:
        return instance
    chance = Chance(seed, "activity", instance.id)
    language = wave.project.language
    since = until - timedelta(seconds=chance.between(3, 1_200))
    detail = None
    if asks is not None:
        activity, since, detail = "WAITING_PERMISSION", asks.asked_at, asks.tool_name
    elif instance.status == "IDLE":
        activity = "IDLE"
    else:
        activity = chance.pick(_ACTIVITIES)
        detail = _QUESTION.say(language) if activity == "WAITING_ANSWER" else chance.pick(_TOOLS)
    model = Chance(seed, "usage", instance.id).pick(_MODELS)  # as its requests have it
    return instance._replace(
        activity=activity,
        activity_since=max(since, instance.started_at),
        activity_detail=detail,
        model=model.name,
        last_message=chance.pick(_MESSAGES).say(language, passed=chance.between(4, 90)),
        context_used_percent=chance.between(8, 93),
    )


def _instances(waves: list[Wave]) -> Iterator[tuple[Wave, InstanceRow]]:
    for wave in waves:
        for instance in wave.instances:
            if instance.started_at is not None:
                yield wave, instance
