"""Sources that are read by the snapshot rule: the change events, and the logs in their own tables."""

from dataclasses import dataclass
from typing import Protocol

from models.feed import WATCHES
from services.core.database import PrimaryConnection
from services.feed.events import Batch
from services.feed.logs import LOG_TABLES, read_entries, read_more_entries
from services.feed.reading import read_batch, read_rest
from services.feed.snapshots import Snapshot


class First(Protocol):
    """Reads the beginning of what one snapshot does not see and another does, by default that of now."""

    async def __call__(
        self,
        connection: PrimaryConnection,
        before: Snapshot,
        until: Snapshot | None = None,
        *,
        limit: int = ...,
    ) -> Batch: ...


class Rest(Protocol):
    """Reads on in a batch behind the place of the event that was read last."""

    async def __call__(
        self,
        connection: PrimaryConnection,
        before: Snapshot,
        until: Snapshot,
        past: bytes,
        *,
        limit: int = ...,
    ) -> Batch: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Events of some tables."""

    tables: frozenset[str]
    first: First
    rest: Rest


CHANGES = Source(frozenset(watch.table for watch in WATCHES), read_batch, read_rest)
LOGS = Source(frozenset(table.name for table in LOG_TABLES), read_entries, read_more_entries)
