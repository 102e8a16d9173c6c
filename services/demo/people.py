"""Demo users, their tokens, and how they want to be notified."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import NamedTuple
from uuid import UUID

from services.demo.json_text import json_text
from services.demo.row_counts import YEAR
from services.demo.seeded_random import Chance
from services.demo.words import GIVEN_NAMES, Language

ADMINISTRATOR = "admin"
DEMO_USER = "demo"

USER_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "ccgraph-agent/1.0",
)

NOTIFICATION_TYPES = ("claude_request", "task_completed", "error_occurred", "collaboration_invite")
SERVICES = ("web_push", "slack", "webhook", "line", "discord")


class UserRow(NamedTuple):
    """A row of users."""

    id: int
    username: str
    email: str
    hashed_password: str
    is_active: bool
    is_admin: bool
    preferences: str
    resource_quota: str
    last_login: datetime
    login_count: int
    created_at: datetime
    updated_at: datetime


class AuthTokenRow(NamedTuple):
    """A row of auth_tokens."""

    id: int
    token_id: UUID
    user_id: int
    token_type: str
    family_id: UUID
    expires_at: datetime
    is_active: bool
    ip_address: IPv4Address
    user_agent: str
    last_used: datetime
    created_at: datetime


class NotificationSettingRow(NamedTuple):
    """A row of notification_settings."""

    id: int
    user_id: int
    notification_type: str
    service_type: str
    is_enabled: bool
    webhook_url: str | None
    filter_rules: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A user with what other tables need to know: the language of the texts, the address, the channel."""

    row: UserRow
    language: Language
    ip_address: IPv4Address
    user_agent: str
    services: tuple[str, str]


def people(count: int, seed: int, until: datetime, hashed_password: str) -> list[Person]:
    """The users: number 1 administers, number 2 is the demo login; every password is the same."""
    return [_person(number, seed, until, hashed_password) for number in range(1, count + 1)]


def _person(number: int, seed: int, until: datetime, hashed_password: str) -> Person:
    chance = Chance(seed, "person", number)
    language: Language = "ja" if number == 2 or chance.happens(0.6) else "en"
    joined = until - YEAR - chance.minutes(60 * 24, 60 * 24 * 30)
    last_login = until - chance.minutes(5, 60 * 24 * 3)
    username = _username(number)
    row = UserRow(
        id=number,
        username=username,
        email=f"{username}@example.com",
        hashed_password=hashed_password,
        is_active=number <= 2 or chance.happens(0.97),
        is_admin=number == 1,
        preferences=json_text(
            {
                "language": language,
                "theme": chance.pick(("light", "dark")),
                "timezone": "Asia/Tokyo" if language == "ja" else "UTC",
            }
        ),
        resource_quota=json_text(
            {
                "max_sessions": 50,
                "max_worktrees": 100,
                "storage_limit_gb": 50,
                "api_calls_per_hour": 100_000,
            }
        ),
        last_login=last_login,
        login_count=chance.between(40, 900),
        created_at=joined,
        updated_at=last_login,
    )
    return Person(
        row,
        language,
        IPv4Address(f"192.0.2.{1 + number % 254}"),
        chance.pick(USER_AGENTS),
        ("web_push", chance.pick(SERVICES[1:])),
    )


def _username(number: int) -> str:
    if number <= 2:
        return (ADMINISTRATOR, DEMO_USER)[number - 1]
    round_, place = divmod(number - 3, len(GIVEN_NAMES))
    return GIVEN_NAMES[place] + (f"-{round_ + 1}" if round_ else "")


def auth_tokens(persons: list[Person], seed: int, until: datetime) -> Iterator[AuthTokenRow]:
    """A refresh token in use and one that was revoked, for each user; their secrets are thrown away."""
    for person in persons:
        chance = Chance(seed, "auth_tokens", person.row.id)
        for place, is_active in enumerate((False, True)):
            created_at = person.row.last_login - timedelta(days=0 if is_active else 12)
            token_id = chance.uuid(created_at)
            yield AuthTokenRow(
                id=2 * person.row.id - 1 + place,
                token_id=token_id,
                user_id=person.row.id,
                token_type="refresh",  # noqa: S106 - a kind of token, not a password
                family_id=token_id,
                expires_at=created_at + timedelta(days=30),
                is_active=is_active,
                ip_address=person.ip_address,
                user_agent=person.user_agent,
                last_used=min(until, created_at + chance.minutes(1, 300)),
                created_at=created_at,
            )


def notification_settings(persons: list[Person]) -> Iterator[NotificationSettingRow]:
    """Two services for each type of notification; addresses are of a domain that resolves nowhere."""
    number = 0
    for person in persons:
        for notification_type in NOTIFICATION_TYPES:
            for service in person.services:
                number += 1
                yield NotificationSettingRow(
                    id=number,
                    user_id=person.row.id,
                    notification_type=notification_type,
                    service_type=service,
                    is_enabled=service != "web_push" or notification_type != "claude_request",
                    webhook_url=(
                        f"https://hooks.example.invalid/{person.row.username}"
                        if service == "webhook"
                        else None
                    ),
                    filter_rules=json_text({}),
                    created_at=person.row.created_at,
                    updated_at=person.row.created_at,
                )
