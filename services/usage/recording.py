"""Stores what requests to models used: each request once, whichever sources tell of it, in any order.

Sources repeat a request: a transcript in several lines, telemetry beside it. The largest of each count holds,
never their sum. So storing the same again, in another order or in other parts gives the same rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID, uuid5

from models.change_policy import changeable, fully_changeable
from models.enums import UsageAsker
from models.model_prices import PARTS, SETTING, Price, price_of, read_prices
from models.usage import COUNTS
from services.core.database import driver
from services.core.errors import BadInput
from services.core.json_codec import read_stored
from services.secrets.masking import mask_key, mask_text
from services.writing.action import Action, Transaction
from services.writing.archived import archived_condition

MOST_ROWS: Final = 5_000
"""Rows of one call."""

_LARGEST: Final = 2**31 - 1
_DEAREST: Final = 10**15
_LONGEST: Final = 200

T = TypeVar("T", int, str, UsageAsker)


def usage_key(session_id: UUID, request_id: str) -> UUID:
    """The key of the row of a request."""
    return uuid5(session_id, _storable(request_id))


@dataclass(frozen=True, slots=True)
class Usage:
    """One source's facts about a request to a model; an unknown one is None, or 0 of a count.

    `request_id` is the request's, or where there is none the message's. `cost_micro_usd` is in millionths of
    a US dollar, as it was told. Times are in milliseconds. Figures that no request has are taken for the
    largest that can be stored.
    """

    session_id: UUID
    request_id: str
    requested_at: datetime
    cc_instance_id: UUID | None = None
    model: str | None = None
    asked_by: UsageAsker | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_creation_5m_tokens: int = 0
    cache_creation_1h_tokens: int = 0
    cost_micro_usd: int | None = None
    duration_ms: int | None = None
    time_to_first_token_ms: int | None = None

    @property
    def key(self) -> UUID:
        """The key of the row, the same whichever source tells of the request."""
        return usage_key(self.session_id, self.request_id)

    def joined(self, other: "Usage") -> "Usage":
        """The usage that follows from two reports of the same request, in either order."""
        return Usage(
            session_id=self.session_id,
            request_id=self.request_id,
            requested_at=min(self.requested_at, other.requested_at),
            cc_instance_id=self._nearer(other),
            model=_larger(self.model, other.model),
            asked_by=_larger(self.asked_by, other.asked_by),
            input_tokens=max(self.input_tokens, other.input_tokens),
            output_tokens=max(self.output_tokens, other.output_tokens),
            cache_read_tokens=max(self.cache_read_tokens, other.cache_read_tokens),
            cache_creation_tokens=max(self.cache_creation_tokens, other.cache_creation_tokens),
            cache_creation_5m_tokens=max(self.cache_creation_5m_tokens, other.cache_creation_5m_tokens),
            cache_creation_1h_tokens=max(self.cache_creation_1h_tokens, other.cache_creation_1h_tokens),
            cost_micro_usd=_larger(self.cost_micro_usd, other.cost_micro_usd),
            duration_ms=_larger(self.duration_ms, other.duration_ms),
            time_to_first_token_ms=_larger(self.time_to_first_token_ms, other.time_to_first_token_ms),
        )

    def _nearer(self, other: "Usage") -> UUID | None:
        """The instance: a subagent before the main one, which has the session's own UUID."""
        known = [one for one in (self.cc_instance_id, other.cc_instance_id) if one is not None]
        return max(known, key=lambda one: (one != self.session_id, one), default=None)


@dataclass(frozen=True, slots=True)
class RecordedUsage:
    """`stored` are the keys of requests that are stored now; `written` rows of them were new or changed.

    Of `refused` the session or instance is not there, is not the caller's, or its project is archived.
    """

    stored: frozenset[UUID]
    refused: frozenset[UUID]
    written: int


_GIVEN: Final = {
    "id": "uuid",
    "session_id": "uuid",
    "request_id": "text",
    "requested_at": "timestamptz",
    "cc_instance_id": "uuid",
    "model": "text",
    "asked_by": "text",
    **dict.fromkeys(COUNTS, "integer"),
    "cost_micro_usd": "bigint",
    "duration_ms": "integer",
    "time_to_first_token_ms": "integer",
}
"""What is given of a row, with its types."""

_PLACES: Final = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_GIVEN.values(), start=2))

_TOLD: Final = "({row}.cost_micro_usd IS NOT NULL AND NOT {row}.cost_is_estimated)"

_GREATEST: Final = (*COUNTS, "model", "asked_by", "duration_ms", "time_to_first_token_ms")
"""Columns of which the larger value holds; GREATEST leaves out NULL."""


def _greatest(column: str) -> str:
    collated = ' COLLATE "C"' if column in ("model", "asked_by") else ""
    return f"GREATEST(known.{column}{collated}, excluded.{column}{collated})"


_JOINED: Final = {
    **{column: _greatest(column) for column in _GREATEST},
    "requested_at": "LEAST(known.requested_at, excluded.requested_at)",
    # A subagent before the main instance, which has the session's own UUID.
    "cc_instance_id": "COALESCE(GREATEST(NULLIF(known.cc_instance_id, known.session_id),"
    " NULLIF(excluded.cc_instance_id, known.session_id)), known.cc_instance_id, excluded.cc_instance_id)",
    "cost_micro_usd": f"CASE WHEN {_TOLD.format(row='known')} AND excluded.cost_micro_usd IS NOT NULL"
    " THEN GREATEST(known.cost_micro_usd, excluded.cost_micro_usd)"
    " ELSE COALESCE(excluded.cost_micro_usd, known.cost_micro_usd) END",
    "cost_is_estimated": "known.cost_is_estimated AND excluded.cost_micro_usd IS NULL",
}
"""What becomes of a row that is known, by column."""

# Rows are taken in the order of their keys, so that two calls with the same ones do not block each other.
# What tells nothing new writes nothing.
_STORE: Final = f"""
WITH allowed AS (
    SELECT given.*, t.user_id
    FROM unnest({_PLACES}) AS given ({", ".join(_GIVEN)})
    JOIN sessions AS t ON t.session_id = given.session_id
    LEFT JOIN cc_instances AS instance ON instance.id = given.cc_instance_id
    WHERE $1::int IS NOT NULL AND {{session}} AND NOT {archived_condition("sessions", "t")}
      AND (given.cc_instance_id IS NULL
           OR (instance.id IS NOT NULL AND {{instance}}
               AND NOT {archived_condition("cc_instances", "instance")}))
),
written AS (
    INSERT INTO cc_usage AS known ({", ".join(_GIVEN)}, user_id)
    SELECT * FROM allowed ORDER BY id
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{column} = {value}" for column, value in _JOINED.items())}
    WHERE known.session_id = excluded.session_id
      AND ({", ".join(f"known.{column}" for column in _JOINED)})
          IS DISTINCT FROM ({", ".join(_JOINED.values())})
    RETURNING id, model
)
SELECT id, written.id IS NOT NULL AS is_written, written.model
FROM allowed LEFT JOIN written USING (id)
"""

_SETTLED: Final = {
    "project_id": "COALESCE((SELECT i.project_id FROM cc_instances i WHERE i.id = known.cc_instance_id),"
    " (SELECT p.project_id FROM sessions s JOIN projects p ON p.id = s.project_id"
    " WHERE s.session_id = known.session_id))",
    "cache_creation_tokens": "GREATEST(known.cache_creation_tokens, LEAST("
    f"known.cache_creation_5m_tokens::bigint + known.cache_creation_1h_tokens, {_LARGEST}))::integer",
}

# What was put into the cache without being told for how long is taken for 5 minutes, Claude Code's default.
_ESTIMATE: Final = """round((
    known.input_tokens * price.input + known.output_tokens * price.output
    + known.cache_read_tokens * price.cache_read + known.cache_creation_1h_tokens * price.cache_creation_1h
    + GREATEST(known.cache_creation_tokens - known.cache_creation_1h_tokens, known.cache_creation_5m_tokens)
      * price.cache_creation_5m) / 1000000)::bigint"""

_SETTLE: Final = f"""
UPDATE cc_usage AS known
SET (project_id, cache_creation_tokens, cost_micro_usd, cost_is_estimated)
    = (settled.project_id, settled.cache_creation_tokens, settled.cost_micro_usd, settled.cost_is_estimated)
FROM (
    SELECT known.id, {", ".join(f"{value} AS {column}" for column, value in _SETTLED.items())},
           CASE WHEN {_TOLD.format(row="known")} THEN known.cost_micro_usd ELSE {_ESTIMATE} END
               AS cost_micro_usd,
           NOT {_TOLD.format(row="known")} AND price.input IS NOT NULL AS cost_is_estimated
    FROM unnest($1::uuid[], {", ".join(f"${n}::numeric[]" for n in range(2, 2 + len(PARTS)))})
        AS price (id, {", ".join(PARTS)})
    JOIN cc_usage AS known USING (id)
) AS settled
WHERE known.id = settled.id
  AND (known.project_id, known.cache_creation_tokens, known.cost_micro_usd, known.cost_is_estimated)
      IS DISTINCT FROM (settled.project_id, settled.cache_creation_tokens, settled.cost_micro_usd,
                        settled.cost_is_estimated)
"""

_PRICES: Final = "SELECT setting_value FROM system_settings WHERE setting_key = $1"


async def record_usage(action: Action, told: Sequence[Usage]) -> RecordedUsage:
    """Store what sources tell of requests; see `store_usage`.

    Raises: BadInput for more than 5,000 of them.
    """
    async with action.transaction() as transaction:
        recorded = await store_usage(transaction, told)
        transaction.details["written"] = recorded.written
        transaction.has_changes = recorded.written > 0
    return recorded


async def store_usage(transaction: Transaction, told: Sequence[Usage]) -> RecordedUsage:
    """The same within another use case.

    A row belongs to its session: the caller runs it, and may change the instance that is named. Larger counts
    hold, the earliest time, a subagent before the main instance, and a cost that was told before an estimate.

    Raises: BadInput for more than 5,000 of them.
    """
    if len(told) > MOST_ROWS:
        raise BadInput(f"One call takes the usage of at most {MOST_ROWS:,} requests.")
    rows = _by_key(told)
    if not rows:
        return RecordedUsage(frozenset(), frozenset(), 0)
    raw = await driver(transaction.connection)
    principal = transaction.principal
    viewer = "$1::int"
    sql = _STORE.format(
        session="true" if principal.is_admin else fully_changeable("sessions", "t", viewer),
        instance="true" if principal.is_admin else changeable("cc_instances", "instance", viewer),
    )
    columns = zip(*(_values(key, row) for key, row in rows.items()), strict=True)
    found = await raw.fetch(sql, principal.user_id, *map(list, columns))
    written = {row["id"]: row["model"] for row in found if row["is_written"]}
    if written:
        prices = _prices_in_force(await raw.fetchval(_PRICES, SETTING))
        fitting = [price_of(model, prices) for model in written.values()]
        await raw.execute(_SETTLE, list(written), *(_figures(fitting, part) for part in PARTS))
    stored = frozenset(row["id"] for row in found)
    return RecordedUsage(stored, frozenset(rows.keys() - stored), len(written))


def _by_key(told: Iterable[Usage]) -> dict[UUID, Usage]:
    """The usage of each request, in the order of the keys."""
    found: dict[UUID, Usage] = {}
    for given in told:
        # Before they are joined: a name is compared as it is stored.
        one = given if given.model is None else replace(given, model=_shown(given.model))
        key = one.key
        found[key] = found[key].joined(one) if key in found else one
    return dict(sorted(found.items()))


def _values(key: UUID, row: Usage) -> list[object]:
    counts = [_bounded(getattr(row, column), _LARGEST) for column in COUNTS]
    return [
        key,
        row.session_id,
        mask_key(_storable(row.request_id))[:_LONGEST],
        row.requested_at,
        row.cc_instance_id,
        row.model,
        None if row.asked_by is None else row.asked_by.value,
        *counts,
        _bounded(row.cost_micro_usd, _DEAREST),
        _bounded(row.duration_ms, _LARGEST),
        _bounded(row.time_to_first_token_ms, _LARGEST),
    ]


def _storable(text: str) -> str:
    """A text without what PostgreSQL cannot hold."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _shown(name: str) -> str:
    return mask_text(_storable(name))[:_LONGEST]


def _bounded(figure: int | None, largest: int) -> int | None:
    return None if figure is None else min(max(figure, 0), largest)


def _prices_in_force(setting: object) -> tuple[Price, ...]:
    """The prices of the setting; none where plain SQL has made something else of it."""
    try:
        return read_prices(read_stored(setting) if isinstance(setting, str | bytes) else setting)
    except ValueError:
        return ()


def _figures(found: Sequence[Price | None], part: str) -> list[int | None]:
    return [None if price is None else getattr(price, part) for price in found]


def _larger(one: T | None, other: T | None) -> T | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)
