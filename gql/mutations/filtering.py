"""Rows that a mutation by filter is about to touch."""

from typing import Any, Final

from gql.execution.runner import bind, domain_error
from gql.mutations.inputs import Given
from gql.mutations.transaction import Act
from gql.planner.errors import PlanError
from gql.planner.lock_keys import compile_keys
from gql.planner.statement import Question
from gql.planner.values import FromVariable
from gql.planner.values import Given as GivenValue
from gql.types.types import CATALOG
from services.core.errors import BadInput

MOST_ROWS: Final = 500
"""Rows that one mutation by filter touches."""


async def matching_keys(act: Act, type_name: str, given: Given) -> list[Any]:
    """The keys of the rows that fit `given["where"]`, held until the commit.

    `BadInput` when more of them fit than `given["atMost"]`, which is 1 unless it is given.
    """
    most = 1 if given.get("atMost") is None else given["atMost"]
    if not 1 <= most <= MOST_ROWS:
        raise BadInput(f"`atMost` goes from 1 to {MOST_ROWS}.", field="input.atMost")
    variables = {"where": given["where"]}
    where = GivenValue(given["where"], FromVariable("where"), ("input", "where"))
    try:
        plan = compile_keys(
            Question(CATALOG, variables, is_admin=act.principal.is_admin), type_name, where, most + 1
        )
    except PlanError as error:
        raise domain_error(error) from None
    parameters = bind(plan, act.principal.viewer, variables)
    found = await act.connection.exec_driver_sql(plan.sql, tuple(parameters))
    keys = list(found.scalars())
    if len(keys) > most:
        raise BadInput(f"More than {most} rows fit: narrow `where`, or raise `atMost`.", field="input.atMost")
    return keys
