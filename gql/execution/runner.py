"""The only runner of plans: one statement, and the JSON texts that it returns."""

from collections.abc import Sequence

from gql.planner.errors import CursorUnusable, PlanError, TooManyRelations
from gql.planner.joining import JoinedPlan
from gql.planner.plan import Plan
from gql.planner.values import Variables
from models.policy import Viewer
from services.core.database import ReadConnection, ReadPool
from services.core.errors import BadInput, CursorInvalid, DomainError, QueryTooComplex


async def run(plan: Plan, reader: ReadPool, parameters: Sequence[object]) -> Sequence[str | None]:
    """The JSON text of each of the plan's `keys`, None for null."""
    async with reader.acquire() as connection:
        row = await connection.fetchrow(plan.sql, *parameters)
    return tuple(row) if row is not None else ()


async def run_joined(
    plan: JoinedPlan, reader: ReadPool, asked: Sequence[Sequence[object]]
) -> list[Sequence[str | None]]:
    """The same for each of those who asked, whose parameters `asked` has."""
    async with reader.acquire() as connection:
        rows = await connection.fetch(plan.sql, *plan.bind(asked))
    answers: list[Sequence[str | None]] = [()] * len(asked)
    for *texts, place in rows:
        answers[place - 1] = texts
    return answers


async def run_rows(plan: Plan, reader: ReadPool, parameters: Sequence[object]) -> list[str | None]:
    """The JSON text of each row of a plan that loads several, None for null."""
    async with reader.acquire() as connection:
        return await rows_of(plan, connection, parameters)


async def rows_of(plan: Plan, connection: ReadConnection, parameters: Sequence[object]) -> list[str | None]:
    """The same over a connection that was acquired before."""
    return [row[0] for row in await connection.fetch(plan.sql, *parameters)]


def bind(plan: Plan, viewer: Viewer, variables: Variables) -> list[object]:
    """The plan's parameters; an argument that does not fit is BadInput or CursorInvalid."""
    try:
        return plan.bind(viewer.user_id, variables)
    except PlanError as error:
        raise domain_error(error) from None


def domain_error(error: PlanError) -> DomainError:
    """The error of the planner, as the caller is told it."""
    if isinstance(error, TooManyRelations):
        return QueryTooComplex(error.message, field=".".join(error.path))
    kind = CursorInvalid if isinstance(error, CursorUnusable) else BadInput
    return kind(error.message, field=".".join(error.path))
