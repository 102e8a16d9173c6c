"""Limits what people change of a row that is lent to them: only columns that the model opens."""

from collections.abc import Collection
from functools import cache

from models import change_policy, policy
from services.core.errors import Forbidden
from services.writing.declaration import WritableTable
from services.writing.tables import TABLES


def require_open(table: WritableTable, names: Collection[str], prefix: str) -> None:
    """Return when guests may change all the columns `names`. `Forbidden` for the first that they may not."""
    allowed = open_to_guests(table.name)
    for name in names:
        if name not in allowed:
            fields = ", ".join(table.columns[known].field for known in table.columns if known in allowed)
            raise Forbidden(
                f"This {table.noun} is shared with you: you may change {fields or 'nothing'} of it; "
                "ask its owner for the rest.",
                field=f"{prefix}.{table.columns[name].field}",
            )


@cache
def open_to_guests(table_name: str) -> frozenset[str]:
    """The columns that the model marks as open to guests, but for those on which more depends.

    Where a row belongs and who sees or changes it, what it refers to, and its place in a lifecycle stay
    with its owner and with the mutations made for them, whatever the mark says.
    """
    table = TABLES[table_name]
    marked = {
        name
        for name, column in table.columns.items()
        if column.on_update and column.column.info.get("guests") and not column.is_secret
    }
    references = {name for name in marked if table.table.c[name].foreign_keys} | {
        reference.column for reference in table.references
    }
    status = {"status"} if table.lifecycle is not None else set()
    decided = policy.deciding_columns(table_name) | change_policy.deciding_columns(table_name)
    return frozenset(marked - references - status - decided)
