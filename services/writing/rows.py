"""Creates, changes and deletes single rows of every table under the same rules."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB

from models.names import camel
from services.core.errors import BadInput, Conflict, Forbidden
from services.core.principal import Principal
from services.secrets.vault import Vault
from services.writing.action import Transaction
from services.writing.archived import archived, archived_condition, rests_with_project
from services.writing.constraints import explained, missing
from services.writing.declaration import WritableColumn, WritableTable
from services.writing.guests import require_open
from services.writing.lifecycles import Lifecycle
from services.writing.permissions import VIEWER, full_predicate, predicates
from services.writing.references import verify
from services.writing.tables import TABLES
from services.writing.values import conceal, converted, parameters, sql_type

INPUT: Final = "input"
PATCH: Final = "input.patch"

Stored = dict[str, Any]
"""Values by column name, in the form in which they become parameters of a statement."""

Key: TypeAlias = UUID | int
"""What a row is known by in the API."""


def uuid_key(key: Key) -> UUID:
    """The key of a table whose rows are known by a UUID."""
    if not isinstance(key, UUID):
        raise TypeError(f"{key} is the key of a table that counts its rows")
    return key


def int_key(key: Key) -> int:
    """The key of a table that counts its rows."""
    if not isinstance(key, int):
        raise TypeError(f"{key} is no number")
    return key


@dataclass(frozen=True, slots=True)
class LockedRow:
    """A row as it is, by column name, which no other transaction changes until the commit.

    `is_archived` says that its project is, `is_fully_changeable` that the caller is more than a guest of it.
    """

    key: Key
    values: Mapping[str, Any]
    is_archived: bool
    is_fully_changeable: bool

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


async def create(
    transaction: Transaction, table_name: str, given: Mapping[str, object], prefix: str = INPUT
) -> Key:
    """Insert a row and return its key; `given` holds values by column name, absent ones take their default.

    `prefix` is where the row stands in the input.

    A row whose UUID the caller chose is created once: the same call again returns the same key, other
    content under that key is `Conflict`. Nothing is stored after an error.

    Raises: BadInput, NotFound, Forbidden, Conflict and QuotaExceeded, with the field.
    """
    table = TABLES[table_name]
    values = await stored_values(transaction.principal, table, given, prefix, transaction.vault)
    return await insert(transaction, table, values, prefix)


async def insert(transaction: Transaction, table: WritableTable, values: Stored, prefix: str) -> Key:
    """The second half of `create`, for values that `stored_values` has made of what was given."""
    client_key = _given_key(table, values)
    if client_key is not None:
        known = await _known(transaction, table, values, client_key, prefix)
        if known is not None:
            return known
    await verify(transaction.connection, transaction.principal, table, [values], [prefix])
    await before_create(transaction, table, values, prefix)
    with explained(table.table, prefix):
        key = await _insert(transaction, table, values, client_key)
    if key is None and client_key is not None:  # another call with this key was faster
        key = await _known(transaction, table, values, client_key, prefix)
    if key is None:
        raise Conflict("A row with this key was deleted at the same moment; try again.", field=prefix)
    return key


async def update(
    transaction: Transaction,
    table_name: str,
    key: object,
    given: Mapping[str, object],
    *,
    unmodified_since: datetime | None = None,
) -> None:
    """Change the columns in `given` of one row; None sets NULL, an absent column stays as it is.

    A row changed after `unmodified_since` is `Conflict` with its `updatedAt`. Raises: the errors of `create`.
    """
    table = TABLES[table_name]
    if not given.keys() <= table.on_update:
        raise _not_for_callers(table, given, PATCH, table.on_update)
    changes = await parameters(table, given, PATCH, transaction.vault)
    row = await lock_row(transaction, table, key, for_guests=True)
    if not row.is_fully_changeable:
        require_open(table, given, PATCH)
    if row.is_archived and rests_with_project(table_name):
        raise archived(f"{INPUT}.id")
    _require_unmodified(row, unmodified_since)
    connection, principal = transaction.connection, transaction.principal
    if _moves_references(table, changes):
        await verify(connection, principal, table, [{**row.values, **changes}], [PATCH])
    if table.before_plain_update is not None:
        await table.before_plain_update(connection, row.values, changes, PATCH)
    await write_changes(transaction, table, row, changes, PATCH)


async def delete(transaction: Transaction, table_name: str, key: object) -> None:
    """Delete one row and what belongs to it.

    Raises: NotFound, Forbidden and Conflict.
    """
    table = TABLES[table_name]
    row = await lock_row(transaction, table, key)
    if table.before_delete is not None:
        table.before_delete(row.values, f"{INPUT}.id")
    with explained(table.table, INPUT, deleting=True):
        await transaction.connection.exec_driver_sql(deletion(table), (key,))


def deletion(table: WritableTable) -> str:
    """SQL that deletes the row with the key $1."""
    return f"DELETE FROM {table.name} WHERE {table.key.name} = $1"


async def stored_values(
    principal: Principal,
    table: WritableTable,
    given: Mapping[str, object],
    prefix: str,
    vault: Vault | None = None,
) -> Stored:
    """The values of a new row: what is given, the caller as its owner, and its beginning."""
    (values,) = await stored_rows(principal, table, [given], [prefix], vault)
    return values


async def stored_rows(
    principal: Principal,
    table: WritableTable,
    rows: Sequence[Mapping[str, object]],
    prefixes: Sequence[str],
    vault: Vault | None = None,
) -> list[Stored]:
    """The values of new rows, as `stored_values` gives them; raises what is wrong with the first bad one."""
    stored = [
        _begun(principal, table, row, prefix, vault) for row, prefix in zip(rows, prefixes, strict=True)
    ]
    await conceal(table, stored, vault)
    return stored


def _begun(
    principal: Principal,
    table: WritableTable,
    given: Mapping[str, object],
    prefix: str,
    vault: Vault | None,
) -> Stored:
    if not given.keys() <= table.on_create:
        raise _not_for_callers(table, given, prefix, table.on_create)
    values = converted(table, given, prefix, vault)
    if not _required(table) <= values.keys():
        column = next(table.columns[name] for name in _required(table) if name not in values)
        raise BadInput("This must be given.", field=f"{prefix}.{column.field}")
    if table.owner is not None:
        owner = values.setdefault(table.owner, principal.user_id)
        if owner != principal.user_id and not principal.is_admin:
            raise Forbidden(
                "Only administrators write in another person's name; leave this out.",
                field=f"{prefix}.{table.columns[table.owner].field}",
            )
    return {**table.beginnings, **values} if table.beginnings else values


def _not_for_callers(
    table: WritableTable, given: Mapping[str, object], prefix: str, allowed: frozenset[str]
) -> BadInput:
    """The error for the first column in `given` that is not `allowed`."""
    name = next(name for name in given if name not in allowed)
    known = table.columns.get(name)
    if known is not None and known.on_create:
        return BadInput("This does not change once the row is there.", field=f"{prefix}.{known.field}")
    return BadInput("The server keeps this itself; leave it out.", field=f"{prefix}.{camel(name)}")


@cache
def _required(table: WritableTable) -> Set[str]:
    """The columns that a new row must have, in the order of the table."""
    return dict.fromkeys(name for name, column in table.columns.items() if column.required).keys()


async def before_create(transaction: Transaction, table: WritableTable, values: Stored, prefix: str) -> None:
    """The lifecycle's beginning and the rules of the table."""
    require_beginning(table, values, prefix)
    if table.before_create is not None:
        await table.before_create(transaction.connection, values, prefix)


def require_beginning(table: WritableTable, values: Stored, prefix: str) -> None:
    """Return when a row may begin with its status. `Conflict` else."""
    lifecycle = table.lifecycle
    if lifecycle is not None and "status" in values:
        lifecycle.require_beginning(_status(lifecycle, values, prefix), field=f"{prefix}.status")


async def lock_row(
    transaction: Transaction,
    table: WritableTable,
    key: object,
    field: str = "input.id",
    *,
    for_guests: bool = False,
) -> LockedRow:
    """The row with this key, locked until the commit; `field` is the one of the input that named it.

    Guests get it where the use case is open to them, `for_guests`.

    Raises: NotFound and Forbidden.
    """
    principal = transaction.principal
    seen, changed = predicates(principal, table.name)
    full = full_predicate(principal, table.name)
    more = "" if full == changed else f", {full} AS fully_changeable"
    result = await transaction.connection.exec_driver_sql(
        f"SELECT t.*, {changed} AS changeable{more}, {archived_condition(table.name, 't')} AS archived"
        f" FROM {table.name} t"
        f" WHERE t.{table.key.name} = $1 AND {VIEWER} IS NOT NULL AND {seen} FOR NO KEY UPDATE OF t",
        (key, principal.user_id),
    )
    found = result.mappings().one_or_none()
    if found is None:
        raise missing(table.table, field)
    values = dict(found)
    is_changeable, is_archived = values.pop("changeable"), values.pop("archived")
    is_fully_changeable = values.pop("fully_changeable", True)
    if not is_changeable:
        raise Forbidden(f"You may see this {table.noun} but not change it.", field=field)
    if not for_guests and not is_fully_changeable:
        raise Forbidden(f"This {table.noun} is shared with you; ask its owner to do this.", field=field)
    return LockedRow(values[table.key.name], values, is_archived, is_fully_changeable)


async def write_changes(
    transaction: Transaction, table: WritableTable, row: LockedRow, changes: Stored, prefix: str
) -> None:
    """Write `changes` to the locked `row`, with the steps of its lifecycle and the rules of its table."""
    stamps: Mapping[str, str] = {}
    lifecycle = table.lifecycle
    if lifecycle is not None and "status" in changes and changes["status"] != row["status"]:
        wanted = _status(lifecycle, changes, prefix)
        if row["status"] is not None:  # only plain SQL leaves a row without one
            lifecycle.require_step(lifecycle.statuses(row["status"]), wanted, field=f"{prefix}.status")
        if row.is_archived and wanted in lifecycle.active:
            raise archived(f"{prefix}.status")
        stamps = lifecycle.stamps.get(wanted, {})
    if table.before_update is not None:
        await table.before_update(transaction.connection, row.values, changes, prefix)
    if not changes:
        return
    with explained(table.table, prefix):
        await transaction.connection.exec_driver_sql(
            changing(table, changes, stamps), (row.key, *changes.values())
        )


def changing(table: WritableTable, columns: Iterable[str], stamps: Mapping[str, str]) -> str:
    """SQL that changes columns of the row with the key $1, and sets the times of a step of its lifecycle."""
    assigned = {
        name: f"${number}::{sql_type(table.table.c[name])}" for number, name in enumerate(columns, start=2)
    }
    assignments = [f"{name} = {sql}" for name, sql in {**stamps, **assigned}.items()]
    return f"UPDATE {table.name} SET {', '.join(assignments)} WHERE {table.key.name} = $1"


def _status(lifecycle: Lifecycle, values: Mapping[str, Any], prefix: str) -> StrEnum:
    if values["status"] is None:
        raise BadInput("This must not be null.", field=f"{prefix}.status")
    return lifecycle.statuses(values["status"])


def _given_key(table: WritableTable, values: Stored) -> str | None:
    """The column with the UUID that the caller chose, if any."""
    return table.client_key.name if table.client_key is not None and table.client_key.name in values else None


async def _insert(
    transaction: Transaction, table: WritableTable, values: Stored, client_key: str | None
) -> Key | None:
    """The key of the new row; None when a row with its client key exists."""
    result = await transaction.connection.exec_driver_sql(
        insertion(table, list(values), client_key), tuple(values.values())
    )
    key: Key | None = result.scalar_one_or_none()
    return key


def insertion(table: WritableTable, columns: Sequence[str], client_key: str | None) -> str:
    """SQL that inserts a row, unless there is one with its client key, and gives the key."""
    places = ", ".join(
        f"${number}::{sql_type(table.table.c[name])}" for number, name in enumerate(columns, start=1)
    )
    on_conflict = "" if client_key is None else f" ON CONFLICT ({client_key}) DO NOTHING"
    return (
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places}){on_conflict}"
        f" RETURNING {table.key.name}"
    )


async def _known(
    transaction: Transaction, table: WritableTable, values: Stored, client_key: str, prefix: str
) -> Key | None:
    """The key of the row that an earlier call with this client key and content made; None without one."""
    places = {
        name: f"${number}::{sql_type(table.table.c[name])}" for number, name in enumerate(values, start=1)
    }
    sealed = [column for name, column in table.columns.items() if name in values and column.encrypted]
    same = [
        f"t.{name} IS NOT DISTINCT FROM {place}"
        for name, place in places.items()
        if name not in table.columns or not table.columns[name].encrypted
    ]
    viewer = f"${len(values) + 1}::int"
    seen, changeable = predicates(transaction.principal, table.name, viewer)
    # A caller who may not be told a secret must not find it by guessing either.
    secret = any(name in table.columns and table.columns[name].is_secret for name in values)
    same += [seen, changeable] if secret else [seen]
    pairs = [
        f"{_sealed(column, f't.{column.name}')}, {_sealed(column, places[column.name])}" for column in sealed
    ]
    result = await transaction.connection.exec_driver_sql(
        f"SELECT t.{table.key.name} AS key, {' AND '.join(same)} AS is_same,"
        f" ARRAY[{', '.join(pairs)}]::text[] AS texts"
        f" FROM {table.name} t WHERE t.{client_key} = {places[client_key]} AND {viewer} IS NOT NULL",
        (*values.values(), transaction.principal.user_id),
    )
    row = result.mappings().one_or_none()
    if row is None:
        return None
    if not row["is_same"] or not _are_same(transaction.vault, table, sealed, row["texts"]):
        raise Conflict(
            f"Another {table.noun} has this key, with other content; choose a new UUID.",
            field=f"{prefix}.{table.columns[client_key].field}",
        )
    key: Key = row["key"]
    return key


def _sealed(column: WritableColumn, value: str) -> str:
    """SQL for the sealed text in a value of an encrypted column."""
    return f"({value} ->> 'sealed')" if isinstance(column.column.type, JSONB) else value


def _are_same(
    vault: Vault, table: WritableTable, sealed: Sequence[WritableColumn], texts: Sequence[str | None]
) -> bool:
    """True if each stored text, which comes first, holds what the given one behind it does."""
    pairs = zip(sealed, texts[::2], texts[1::2], strict=True)
    return all(
        stored is given is None or vault.is_same(stored, given, f"{table.name}.{column.name}")
        for column, stored, given in pairs
    )


def _require_unmodified(row: LockedRow, unmodified_since: datetime | None) -> None:
    if unmodified_since is not None and row["updated_at"] > unmodified_since:
        raise Conflict(
            "This row has been changed since; read it again and repeat the change on the current row.",
            field="input.ifUnmodifiedSince",
            updatedAt=row["updated_at"].isoformat(),
        )


def _moves_references(table: WritableTable, changes: Stored) -> bool:
    return any(reference.column in changes for reference in table.references)
