"""Demo notifications: what was sent to people, and what was pushed to their open sockets."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import NamedTuple
from uuid import UUID

from services.demo.instances import Wave
from services.demo.json_text import json_text
from services.demo.people import NOTIFICATION_TYPES, Person
from services.demo.row_counts import YEAR, Figures
from services.demo.seeded_random import Chance, moments, weighted
from services.demo.words import Phrase
from services.demo.workspaces import Session, session_at

_TITLES = {
    "claude_request": Phrase("Claude asks about {project}", "{project}について質問があります"),
    "task_completed": Phrase("Task completed in {project}", "{project}のタスクが完了しました"),
    "error_occurred": Phrase("Error in {project}", "{project}でエラーが発生しました"),
    "collaboration_invite": Phrase("Invitation to {project}", "{project}への招待"),
}
_MESSAGE = Phrase("Session {name}, {path}", "セッション「{name}」、{path}")
_OUTCOMES = weighted(sent=94, failed=4, cancelled=2)
_PRIORITIES = weighted(normal=70, low=15, high=12, urgent=3)
_MOST_RETRIES = 3


class NotificationRow(NamedTuple):
    """A row of notification_history."""

    id: int
    user_id: int
    session_id: UUID
    notification_type: str
    service_type: str
    title: str
    message: str
    payload: str
    priority: str
    status: str
    retry_count: int
    response_code: int | None
    response_body: str | None
    error_message: str | None
    scheduled_at: datetime
    sent_at: datetime | None
    message_id: UUID
    created_at: datetime


class WebsocketSessionRow(NamedTuple):
    """A row of websocket_sessions; every demo connection is closed."""

    id: UUID
    user_id: int
    transport: str
    client_name: str
    client_version: str
    ip_address: IPv4Address
    user_agent: str
    connected_at: datetime
    last_seen: datetime
    disconnected_at: datetime
    close_code: int


class WebsocketNotificationRow(NamedTuple):
    """A row of websocket_notifications."""

    id: UUID
    socket_id: UUID | None
    project_id: UUID | None
    event_type: str
    event_name: str
    payload: str
    sent_at: datetime
    first_sent_at: datetime
    delivery_status: str
    retry_count: int
    client_ack: bool


def notification_history(
    persons: list[Person], drawn: list[Session], figures: Figures, seed: int, until: datetime
) -> Iterator[NotificationRow]:
    """The same number for each user, in the order of time. None is pending: nothing is to be sent anew."""
    chance = Chance(seed, "notification_history")
    ids = Chance(seed, "notification_history", "message_id")
    per_user = figures.sessions // figures.users
    since = until - YEAR
    span = YEAR.total_seconds()
    for number, at in enumerate(moments(figures.notification_history, since, until, chance), 1):
        index = number % figures.users
        person = persons[index]
        session = session_at(drawn, per_user, index, (at - since).total_seconds() / span)
        kind, outcome = chance.pick(NOTIFICATION_TYPES), chance.pick(_OUTCOMES)
        failed, sent = outcome == "failed", outcome == "sent"
        yield NotificationRow(
            number,
            person.row.id,
            session.row.session_id,
            kind,
            chance.pick(person.services),
            _TITLES[kind].say(person.language, project=session.project.name),
            _MESSAGE.say(person.language, name=session.row.name, path=chance.pick(session.project.files)),
            json_text({"project_id": session.row.project_id}),
            chance.pick(_PRIORITIES),
            outcome,
            _MOST_RETRIES if failed else 0,
            503 if failed else 201 if sent else None,
            None,
            "The service answered 503 each time" if failed else None,
            at,
            at + timedelta(milliseconds=chance.between(80, 900)) if sent else None,
            ids.uuid(at),
            at,
        )


def websocket_sessions(
    persons: list[Person], figures: Figures, seed: int, until: datetime
) -> list[WebsocketSessionRow]:
    """The connections of each user, spread over the year."""
    per_user = figures.websocket_sessions // figures.users
    rows = []
    for person in persons:
        chance = Chance(seed, "websocket_sessions", person.row.id)
        for place in range(per_user):
            connected_at = until - YEAR * (1 - (place + 0.8 * chance.random()) / per_user)
            ended = connected_at + chance.minutes(5, 480)
            rows.append(
                WebsocketSessionRow(
                    id=chance.uuid(connected_at),
                    user_id=person.row.id,
                    transport=chance.pick(("websocket", "websocket", "sse")),
                    client_name="ccgraph-dashboard",
                    client_version="1.0.0",
                    ip_address=person.ip_address,
                    user_agent=person.user_agent,
                    connected_at=connected_at,
                    last_seen=min(ended, until),
                    disconnected_at=min(ended, until),
                    close_code=chance.pick((1000, 1000, 1001, 1006)),
                )
            )
    return rows


def websocket_notifications(
    waves: list[Wave], sockets: dict[int, list[UUID]], seed: int
) -> Iterator[WebsocketNotificationRow]:
    """Messages to dashboards about each begun task: to the project, or to one socket of its owner."""
    for wave in waves:
        project = wave.project
        for task in wave.steps:
            if task.started_at is None:
                continue
            chance = Chance(seed, "websocket_notifications", task.id)
            own = sockets[project.owner.row.id]
            events = [("progress", "task.started", task.started_at)]
            if task.completed_at:
                failed = task.status == "FAILED"
                name = "task.failed" if failed else "task.completed"
                events.append(("error" if failed else "completion", name, task.completed_at))
            if task is wave.steps[-1] and task.completed_at:
                events.append(("milestone", "wave.completed", task.completed_at + timedelta(minutes=1)))
            for event_type, event_name, at in events:
                lost = chance.happens(0.03)
                yield WebsocketNotificationRow(
                    id=chance.uuid(at),
                    socket_id=chance.pick(own) if chance.happens(0.2) else None,
                    project_id=project.uuid,
                    event_type=event_type,
                    event_name=event_name,
                    payload=json_text({"task_id": str(task.id), "name": task.name}),
                    sent_at=at,
                    first_sent_at=at,
                    delivery_status="failed" if lost else "delivered",
                    retry_count=3 if lost else 0,
                    client_ack=not lost,
                )
