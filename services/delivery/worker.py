"""Delivers what waits in notification_history: any number of workers, in any number of processes.

The queue is the table itself, so a worker that dies has lost nothing: its leases run out, and another worker
sends the same messages under the same ids. One that lives claims only what it can send at once, so nothing
waits in its memory behind a receiver that is slow.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote_from_bytes
from uuid import UUID, uuid4

import structlog

from models.enums import NotificationService
from services.core.background import Running, Tasks
from services.core.database import Database
from services.core.database_errors import is_transient
from services.core.glances import Glances
from services.core.retry import Backoff, retry
from services.delivery.breaker import Breakers
from services.delivery.filtering import SUMMARY_SECONDS, quiet_until
from services.delivery.messages import Message, Target
from services.delivery.outcomes import LONGEST_PAUSE, Outcome, Verdict
from services.delivery.queue import Claimed, Ended, claim, end, gather, postpone
from services.delivery.sender import UNSENT, Sender
from services.delivery.texts import Language, language_of, say
from services.feed.wakeup import WakeupEvent
from services.secrets.vault import NotSealedByUs, Vault
from services.writing import shapes
from services.writing.sealed_columns import opened
from services.writing.values import Unfit

log = structlog.get_logger(__name__)

LEASE_MARGIN: Final = 5.0
"""Seconds that a row stays a worker's beyond the time-out of its request, to write down what came of it."""
SHORTEST_POLL: Final = 0.02
"""Seconds between two looks of a worker that has just found something."""
_SHORTEST_GAP: Final = 0.008
"""Seconds between two claims, however often it is woken."""
_ENDING: Final = 100
"""Outcomes that are written down in one statement."""
_SECRET: Final = "notification_settings.webhook_secret"  # noqa: S105 - where one is kept
_CONFIG: Final = "notification_settings.service_config"
_HEADERS: Final = "notification_settings.webhook_headers"
_SUBSCRIPTION: Final = "notification_settings.push_subscription"


@dataclass(frozen=True, slots=True)
class Pace:
    """`most` messages are under way at a time. `poll` is in seconds: so often at least it looks unasked.

    `backoff` has the pauses between the attempts for one message.
    """

    most: int = 200
    poll: float = 0.2
    backoff: Backoff = field(default_factory=lambda: Backoff(first=5.0, longest=LONGEST_PAUSE))


class Delivery(Running):
    """One worker; its side tasks are `delivery` and `delivery-outcomes`."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        vault: Vault,
        wakeup: WakeupEvent,
        *,
        pace: Pace | None = None,
        breakers: Breakers | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sender = sender
        self._vault = vault
        self._wakeup = wakeup
        self._pace = pace or Pace()
        self._glances = Glances(SHORTEST_POLL, self._pace.poll)
        self._breakers = breakers or Breakers()
        self._clock = clock
        self._holder: UUID = uuid4()
        self._under_way = Tasks()
        self._ended: list[Ended] = []
        self._has_ended = asyncio.Event()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        running = self.supervisor.running
        async with running(self._write_down, "delivery-outcomes"):
            async with running(self._claim, "delivery"):
                yield
            await self._finish()

    async def _finish(self) -> None:
        """Let what is under way end, and write down what came of it."""
        await self._under_way.wait(within=self._sender.client.timeout)
        self._under_way.cancel()
        clock = asyncio.get_running_loop().time
        deadline = clock() + LEASE_MARGIN
        while self._ended and clock() < deadline:  # noqa: ASYNC110 - the other task takes them one by one
            await asyncio.sleep(0.01)

    async def _claim(self) -> None:
        """Claim rows that are due and begin to send them, for ever; rest while there are none."""
        while True:
            free = self._pace.most - len(self._under_way) - len(self._ended)
            claimed = await self._claim_some(free) if free > 0 else []
            for row in claimed:
                self._begin(row)
            if claimed:
                self._glances.found()
            else:
                await self._rest(full=free <= 0)
            await asyncio.sleep(_SHORTEST_GAP)

    async def _claim_some(self, most: int) -> list[Claimed]:
        lease = self._sender.client.timeout + LEASE_MARGIN

        async def attempt() -> list[Claimed]:
            async with self._database.autocommit.acquire() as connection:
                return await claim(
                    connection, self._holder, lease, most, self._breakers.free(), self._breakers.places
                )

        return await retry(attempt, "notifications_not_claimed", helps=is_transient)

    async def _rest(self, *, full: bool) -> None:
        """Wait until something is committed, a place is free, or it is time to look."""
        self._freed.clear()
        if full:
            await self._freed.wait()
            return
        waiting = asyncio.create_task(self._wakeup.wait(self._glances.pause()))
        freed = asyncio.create_task(self._freed.wait())
        try:
            await asyncio.wait({waiting, freed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, freed):
                task.cancel()

    def _begin(self, row: Claimed) -> None:
        self._breakers.begin((row.user_id, row.service))
        task = self._under_way.start(self._deliver(row), f"notification {row.id}")
        task.add_done_callback(lambda _: self._freed.set())

    async def _deliver(self, row: Claimed) -> None:
        """Send a row and hand on what came of it."""
        destination = (row.user_id, row.service)
        outcome: Outcome | None = None
        try:
            outcome = await self._outcome(row)
        except Exception as error:
            # A fault of ours must not keep the row for ever, nor say more than its type.
            kind = type(error).__qualname__
            log.error("notification_not_sent", id=row.id, error=kind)  # noqa: TRY400
            outcome = Outcome(Verdict.RETRY, error=UNSENT)
        finally:
            self._breakers.end(destination, outcome)
        if self._breakers.is_open(destination):
            await self._postpone(destination)
        self._ended.append(Ended(row, outcome, self._delay(row, outcome)))
        self._has_ended.set()

    def _delay(self, row: Claimed, outcome: Outcome) -> float:
        if outcome.verdict is Verdict.DEFER:
            return outcome.after or 0.0
        pause = self._pace.backoff.delay(row.retry_count + 1)
        wait = self._breakers.wait((row.user_id, row.service))
        return max(pause, outcome.after or 0.0, wait)

    async def _postpone(self, destination: tuple[int, NotificationService]) -> None:
        seconds = self._breakers.wait(destination)
        log.info("delivery_rests", service=destination[1].value, seconds=round(seconds, 1))
        try:
            async with self._database.autocommit.acquire() as connection:
                await postpone(connection, *destination, seconds)
        except Exception as error:
            log.warning("notifications_not_postponed", error=type(error).__qualname__)

    async def _outcome(self, row: Claimed) -> Outcome:
        setting = row.setting
        if not row.is_active:
            return Outcome(Verdict.FAILED, error="The account of this person is switched off.")
        if setting is None or not setting["is_enabled"]:
            return Outcome(
                Verdict.FAILED,
                error="The person has no enabled setting for this type and service: create or enable one.",
            )
        rules = _rules(setting["filter_rules"])
        quiet = quiet_until(rules.quiet_hours, row.priority, self._clock())
        if quiet is not None:
            return Outcome(Verdict.DEFER, after=max(0.001, (quiet - self._clock()).total_seconds()))
        items: list[str] = []
        if rules.summary:
            async with self._database.autocommit.acquire() as connection:
                left, items = await gather(connection, row, SUMMARY_SECONDS)
            if left > 0:
                return Outcome(Verdict.DEFER, after=left)
        try:
            target = target_of(row.user_id, row.service, setting, self._vault)
        except NotSealedByUs:
            return Outcome(
                Verdict.FAILED,
                error="A secret of this setting was encrypted with a key that the server no longer has: "
                "set it again.",
            )
        return await self._sender.send(message_of(row, self._sender, items), target)

    async def _write_down(self) -> None:
        """Write down the outcomes of messages, all that there are in one statement; for ever."""
        while True:
            if not self._ended:
                self._has_ended.clear()
                await self._has_ended.wait()
            batch = self._ended[:_ENDING]

            async def attempt(batch: list[Ended] = batch) -> int:
                async with self._database.autocommit.acquire() as connection:
                    return await end(connection, self._holder, batch)

            kept = await retry(attempt, "delivery_outcomes_not_written", helps=is_transient)
            del self._ended[: len(batch)]
            self._freed.set()
            if kept:
                self._database.after_commit()


def target_of(user_id: int, service: NotificationService, setting: Mapping[str, Any], vault: Vault) -> Target:
    """The target that a setting names. Raises: NotSealedByUs."""
    sealed = (setting["webhook_secret"], setting["previous_webhook_secret"])
    return Target(
        setting_id=setting["setting_id"],
        user_id=user_id,
        service=service,
        config=_object(opened(vault, setting["service_config"], _CONFIG)),
        webhook_url=setting["webhook_url"],
        webhook_headers=_object(opened(vault, setting["webhook_headers"], _HEADERS)),
        secrets=tuple(str(vault.open(text, _SECRET)) for text in sealed if text),
        push_subscription=_object(opened(vault, setting["push_subscription"], _SUBSCRIPTION)),
        push_endpoint=setting["push_endpoint"],
    )


def message_of(row: Claimed, sender: Sender, others: list[str]) -> Message:
    """The message of a row, or, with the titles of others, a summary of all of them."""
    language = language_of(row.preferences)
    title, text = row.title, row.message
    items: tuple[str, ...] = ()
    if others:
        items = (row.title, *others)
        title, text = _summary(items, language)
    return Message(
        id=row.id,
        message_id=row.message_id,
        type=row.type,
        title=title,
        text=text,
        priority=row.priority,
        language=language,
        created_at=row.created_at,
        user_id=row.user_id,
        session_id=row.session_id,
        payload=row.payload if isinstance(row.payload, dict) else None,
        link=sender.link(_path(row)),
        items=items,
    )


_SHOWN: Final = 20
_LONGEST_PATH: Final = 1_000
_SIGNS_OF_URLS: Final = "/%?#&=:;,@!$'()*+~[]"


def _summary(items: tuple[str, ...], language: Language) -> tuple[str, str]:
    lines = [f"• {item}" for item in items[:_SHOWN]]
    if len(items) > _SHOWN:
        lines.append(say("more", language, count=len(items) - _SHOWN))
    return say("summary", language, count=len(items)), "\n".join(lines)


def _path(row: Claimed) -> str:
    """The subject of a notification, as a path of the user interface."""
    if isinstance(row.payload, dict):
        given = row.payload.get("path")
        if isinstance(given, str) and given.startswith("/") and not given.startswith("//"):
            # In the signs of a URL, and no longer than any channel takes: Discord refuses the whole message.
            path = quote_from_bytes(given.encode("utf-8", "replace"), safe=_SIGNS_OF_URLS)
            if len(path) <= _LONGEST_PATH:
                return path
    if row.session_id is not None:
        return f"/sessions/{row.session_id}"
    return f"/notifications/{row.id}"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rules(stored: object) -> shapes.FilterRules:
    try:
        return shapes.filter_rules(stored)
    except Unfit:
        return shapes.FilterRules()
