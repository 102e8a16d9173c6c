"""One mutation, one transaction: in the caller's name, with an audit row, committed at its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import strawberry

from gql.context import Context
from services.core.database import WriteConnection
from services.core.principal import Principal
from services.writing.audit import act_as, trace
from services.writing.single_statement import Caller

Info = strawberry.Info[Context, Any]


@dataclass(slots=True)
class Act:
    """A mutation under way; `details` go into its audit row."""

    connection: WriteConnection
    principal: Principal
    details: dict[str, object] = field(default_factory=dict)


def caller(info: Info) -> Caller:
    """Who asks for what, for changes that are one statement."""
    context = info.context
    return Caller(context.database, context.require_principal(), context.origin, info.field_name)


@asynccontextmanager
async def acting(info: Info, **details: object) -> AsyncIterator[Act]:
    """Run the block in a transaction of the caller; its audit row is written with it, or neither is."""
    context = info.context
    principal = context.require_principal()
    database = context.database
    async with database.writing.of(principal.user_id), database.transaction() as connection:
        await act_as(connection, principal)
        act = Act(connection, principal, details)
        yield act
        await trace(connection, principal, context.origin, info.field_name, act.details)
