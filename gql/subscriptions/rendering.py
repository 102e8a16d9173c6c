"""Makes the GraphQL response of an event, once for all who asked alike; no executor runs for an event."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from gql.execution.runner import bind, rows_of
from gql.planner.compiler import KEYS, VIEWERS, compile_events
from gql.planner.plan import Plan
from gql.planner.selection import Field
from gql.planner.statement import CompileEnv
from gql.subscriptions.streams import COMMON_FIELDS, RowField, Stream, Value
from models.policy import Viewer
from services.core.json_codec import write_stored
from services.feed.statement_connections import Acquire
from services.feed.topics import PositionedEvent

Wanted: TypeAlias = Sequence[tuple[PositionedEvent, Viewer]]

EVENT = "Event"
"""The interface of all event types."""
NOBODY = Viewer(0)
"""The viewers are in the plan's variables."""


Source: TypeAlias = tuple[str, bool]
"""The table of an event, and whether an administrator is to see it: each has a plan of its own."""


@dataclass(frozen=True, slots=True)
class _RowLoad:
    """A row in the response, with its plans."""

    row: RowField
    plans: Mapping[Source, Plan]

    @classmethod
    def of(cls, row: RowField, stream_tables: Iterable[str], field: Field, env: CompileEnv) -> "_RowLoad":
        """Compile the plans; those for both kinds of viewer show whether they see the same."""
        return cls(
            row,
            {
                (table, is_admin): compile_events(
                    replace(env, is_admin=is_admin), row.type_of(table), field, own=row.other is None
                )
                for table in stream_tables
                for is_admin in (False, True)
            },
        )

    @property
    def by_viewer(self) -> bool:
        """True if people see different things."""
        return any(plan.by_viewer for plan in self.plans.values())

    @property
    def by_kind(self) -> bool:
        """True if administrators see something else than people."""
        return any(plan.sql != self.plans[table, True].sql for (table, _), plan in self.plans.items())


class EventRenderer:
    """Renders the events of one subscription field, for one selection and one set of variables.

    Raises: PlanError when an argument somewhere in the selection does not fit.
    """

    def __init__(self, stream: Stream, tables: Collection[str], root: Field, env: CompileEnv) -> None:
        self._variables = env.variables.given
        self._loads: list[_RowLoad] = []
        self._members = tuple(
            (field.key, self._member(stream, tables, field, env))
            for field in root.selected(env, stream.event, EVENT)
        )
        self._head = f'{{"data":{{"{root.key}":{{'
        self._by_viewer = any(load.by_viewer for load in self._loads)
        self._by_kind = any(load.by_kind for load in self._loads)

    def group(self, viewer: Viewer) -> Hashable:
        """Administrators apart where no predicate is in their way, people one by one where there is one."""
        if viewer.is_admin:
            return True if self._by_kind else None
        return viewer if self._by_viewer else None

    async def warm_up(self, acquire: Acquire, viewer: Viewer) -> None:
        """Run what loads rows for `viewer`, for none: planning the statement takes longer than running it."""
        for load in self._loads:
            for (_, is_admin), plan in load.plans.items():
                if is_admin == viewer.is_admin:
                    await self._rows(acquire, plan, [], [])

    async def render(self, acquire: Acquire, wanted: Wanted) -> list[str]:
        """One statement for each row field and kind of viewer, and the responses around what they give."""
        loaded = await asyncio.gather(*(self._load(acquire, load, wanted) for load in self._loads))
        rows = [[column[index] for column in loaded] for index in range(len(wanted))]
        return [self._response(found, row) for (found, _), row in zip(wanted, rows, strict=True)]

    def _response(self, found: PositionedEvent, rows: Sequence[str | None]) -> str:
        members = ",".join(f'"{key}":{member(found, rows)}' for key, member in self._members)
        return f"{self._head}{members}}}}}}}"

    def _member(
        self, stream: Stream, tables: Collection[str], field: Field, env: CompileEnv
    ) -> Callable[[PositionedEvent, Sequence[str | None]], str]:
        if field.name == "__typename":
            return lambda found, rows: f'"{stream.event}"'
        declared = next(known for known in (*COMMON_FIELDS, *stream.fields) if known.name == field.name)
        if isinstance(declared, Value):
            of = declared.of
            return lambda found, rows: write_stored(of(found)).decode()
        index = len(self._loads)
        self._loads.append(_RowLoad.of(declared, tables, field, env))
        return lambda found, rows: rows[index] or "null"

    async def _load(self, acquire: Acquire, load: _RowLoad, wanted: Wanted) -> list[str | None]:
        """The row's JSON for each of `wanted`."""
        found: list[str | None] = [None] * len(wanted)
        places: dict[Source, list[int]] = defaultdict(list)
        for place, (event, viewer) in enumerate(wanted):
            places[event.event.table, viewer.is_admin].append(place)
        for source, chosen in places.items():
            keys = [load.row.key(wanted[place][0].event) for place in chosen]
            viewers = [wanted[place][1].user_id for place in chosen]
            rows = await self._rows(acquire, load.plans[source], keys, viewers)
            for place, row in zip(chosen, rows, strict=True):
                found[place] = row
        return found

    async def _rows(
        self, acquire: Acquire, plan: Plan, keys: Sequence[object], viewers: Sequence[int]
    ) -> list[str | None]:
        """The JSON of the row with each key, for the viewer at the same place."""
        parameters = bind(plan, NOBODY, {**self._variables, KEYS: keys, VIEWERS: viewers})
        async with acquire(plan.sql) as connection:
            return await rows_of(plan, connection, parameters)
