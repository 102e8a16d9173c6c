"""Rows reached outside a planned query: what a mutation's payload or an event shows of a table.

One planned statement loads all rows that are asked for with the same selection at the same moment, by one
request or by several of the same viewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from orjson import Fragment

from gql.compat.strawberry_graphql import raw_info
from gql.context import Context
from gql.execution.runner import bind, domain_error, run_rows
from gql.execution.single_flight import key_of
from gql.planner.catalog import Catalog
from gql.planner.compiler import KEYS, compile_rows
from gql.planner.errors import PlanError
from gql.planner.plan import Plan
from gql.planner.plan_keys import Kept
from gql.planner.selection import Field
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables
from gql.request.preparation import Operation

__all__ = ["Execution", "Fragment", "load_row", "load_rows"]

MOST_CALLS = 1_000
"""Calls for rows of one selection that share a statement."""


@dataclass(slots=True)
class Execution:
    """The root value of one execution: its operation, and the root fields that are read already."""

    catalog: Catalog
    operation: Operation
    variables: Mapping[str, Any]
    fragments: Mapping[str, Fragment | None] = field(default_factory=dict)

    def plan(self, type_name: str, selected: Field, *, is_admin: bool) -> Kept[Plan]:
        """The plan that loads rows for the selection of a field; kept with the operation."""

        def make(variables: ObservedVariables) -> Plan:
            env = CompileEnv(self.catalog, variables, self.operation.fragments, is_admin)
            return compile_rows(env, type_name, selected)

        context = ("rows", type_name, *map(id, selected.nodes), is_admin)
        return self.operation.derived.get(context, self.variables, make)

    async def rows(
        self, type_name: str, selected: Field, keys: Sequence[object], context: Context
    ) -> list[Fragment | None]:
        """The rows with these keys for the selection of a field and its viewer."""
        viewer = context.require_principal().viewer
        try:
            plan = self.plan(type_name, selected, is_admin=viewer.is_admin).made
        except PlanError as error:
            raise domain_error(error) from None

        def parameters(wanted: Sequence[object]) -> list[object]:
            return bind(plan, viewer, {**self.variables, KEYS: wanted})

        async def read(calls: Sequence[Sequence[object]]) -> list[Sequence[str | None]]:
            # A replica may not have the rows yet.
            async with context.database.reading.of(viewer.user_id, begun=True):
                found = await run_rows(plan, context.database.primary, parameters([*chain(*calls)]))
            texts = iter(found)
            return [[*islice(texts, len(call))] for call in calls]

        kind = (viewer.user_id, key_of(plan.sql, parameters(())))
        texts = await context.database.batcher.submit(kind, keys, read, max_batch=MOST_CALLS)
        return [None if text is None else Fragment(text) for text in texts]


async def load_rows(
    info: Any, type_name: str, keys: Sequence[object], context: Context | None = None
) -> list[Fragment | None]:
    """The rows with these primary keys as the field under `info` selects them, None for one not visible.

    To be called in the resolver of the field whose type the rows have (or a list of it), inside an execution
    by `gql/execution/api.py`. `context` says who reads, where that is not the caller of the operation. Rows
    of one selection cost one statement, also when asked for one by one.
    """
    execution: Execution = info.root_value
    raw = raw_info(info)
    path = tuple(step for step in raw.path.as_list() if isinstance(step, str))
    selected = Field(path[-1], raw.field_name, tuple(raw.field_nodes), path)
    return await execution.rows(type_name, selected, list(keys), context or raw.context)


async def load_row(info: Any, type_name: str, key: object, context: Context | None = None) -> Fragment | None:
    """One row; see `load_rows`."""
    (row,) = await load_rows(info, type_name, [key], context)
    return row
