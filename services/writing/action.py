"""One change that a caller asks for: attempted as a single statement, or made in a transaction, and traced.

A use case takes an `Action` and commits once through it. Its helpers take the `Transaction`, or its
connection, and never commit.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import asyncpg

from services.core.database import Database, WriteConnection
from services.core.principal import Origin, Principal
from services.secrets.vault import Vault
from services.writing.audit import act_as, trace

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class SingleStatement(Generic[Value]):
    """A statement that checks, writes and traces at once (services/writing/single_statement.py).

    The first column of its only row is the value. It is null, or there is no row, where the statement has
    changed nothing. `parameters` are numbered from FIRST_PARAMETER.
    """

    sql: str
    parameters: Sequence[object]


@dataclass(frozen=True, slots=True)
class Done(Generic[Value]):
    """The change is committed, with its audit row."""

    value: Value


@dataclass(frozen=True, slots=True)
class Refused:
    """A constraint has refused the change; nothing was changed."""

    error: asyncpg.IntegrityConstraintViolationError


@dataclass(frozen=True, slots=True)
class Undecided:
    """The statement has changed nothing, as something is not in order; `row` is what it says, if anything."""

    row: asyncpg.Record | None = None


Outcome: TypeAlias = Done[Value] | Refused | Undecided


@dataclass(slots=True)
class Transaction:
    """An action under way, which its helpers never commit. `details` go into the audit row."""

    connection: WriteConnection
    principal: Principal
    vault: Vault
    details: dict[str, object] = field(default_factory=dict)
    has_changes: bool = True
    """False where a use case has found nothing to do: no audit row is written, and the feed is not woken."""


@dataclass(frozen=True, slots=True)
class AnonymousAction:
    """An action without an access token, by a person whom the use case finds out.

    `name` is that of the mutation, for the audit row.
    """

    database: Database
    origin: Origin
    name: str
    vault: Vault

    def of(self, principal: Principal) -> "Action":
        """The action of the person whom the use case has found out."""
        return Action(self.database, principal, self.origin, self.name, self.vault)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteConnection]:
        """A transaction without a name yet: the use case writes the audit row itself."""
        async with self.database.transaction() as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class Action:
    """One change by a caller. `name` is that of the mutation; `vault` seals and opens secrets."""

    database: Database
    principal: Principal
    origin: Origin
    name: str
    vault: Vault

    async def attempt(self, statement: SingleStatement[Value]) -> Outcome[Value]:
        """Run the statement, which is a transaction by itself, and return once it is committed."""
        origin = self.origin
        request = (origin.request_id, origin.ip_address, origin.user_agent)
        try:
            rows = await self._rows(statement.sql, *request, *statement.parameters)
        except asyncpg.IntegrityConstraintViolationError as error:
            return Refused(error)
        if not rows or rows[0][0] is None:
            return Undecided(rows[0] if rows else None)
        value: Value = rows[0][0]
        self.database.after_commit()
        return Done(value)

    async def attempt_together(
        self, origins: Sequence[Origin], statement: SingleStatement[Value]
    ) -> list[Value]:
        """The same for several requests of the caller: the values of all rows, which may be fewer.

        Raises: what PostgreSQL does; nothing is changed then.
        """
        requests = [(origin.request_id, origin.ip_address, origin.user_agent) for origin in origins]
        columns = map(list, zip(*requests, strict=True))
        values: list[Value] = [
            row[0] for row in await self._rows(statement.sql, *columns, *statement.parameters)
        ]
        if values:
            self.database.after_commit()
        return values

    async def note(self, sql: str, *parameters: object) -> list[asyncpg.Record]:
        """Run a statement whose change has no author, such as a sign of life: no audit row, no wake-up.

        `parameters` are numbered from 1.
        """
        try:
            async with self.database.autocommit.acquire() as connection:
                return await connection.fetch(sql, *parameters)
        finally:
            self.database.wrote(self.principal.user_id)

    @asynccontextmanager
    async def transaction(self, **details: object) -> AsyncIterator[Transaction]:
        """One transaction in the caller's name: committed at the end of the block, rolled back by an error.

        The audit row with `details` is written in it, so there is none without the change, and no change
        without it.
        """
        database, person = self.database, self.principal.user_id
        try:
            async with database.writing.of(person), database.upkeep() as connection:
                await act_as(connection, self.principal)
                transaction = Transaction(connection, self.principal, self.vault, details)
                yield transaction
                if transaction.has_changes:
                    await trace(connection, self.principal, self.origin, self.name, transaction.details)
        finally:
            database.wrote(person)
        if transaction.has_changes:
            database.after_commit()

    async def _rows(self, sql: str, *parameters: object) -> list[asyncpg.Record]:
        person = self.principal.user_id
        try:
            async with self.database.writing.of(person), self.database.autocommit.acquire() as connection:
                return await connection.fetch(sql, person, self.name, *parameters)
        finally:
            self.database.wrote(person)
