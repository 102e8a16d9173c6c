"""Decides who may change a row: what they cannot see is NOT_FOUND, what they only see is FORBIDDEN."""

from typing import Final

from models.change_policy import changeable, fully_changeable
from models.names import noun_of
from models.policy import visible
from services.core.database import WriteConnection
from services.core.errors import Forbidden, NotFound
from services.core.principal import Principal

VIEWER: Final = "$2::int"
"""The caller in statements whose first parameter is a key."""


async def require_change(
    connection: WriteConnection,
    principal: Principal,
    table_name: str,
    key: object,
    *,
    field: str,
    key_column: str = "id",
) -> None:
    """Return when the caller may change the row of `table_name` whose `key_column` is `key`.

    `field` is the input field that named the row. Raises: NotFound or Forbidden.
    """
    noun = noun_of(table_name)
    seen, changed = predicates(principal, table_name)
    result = await connection.exec_driver_sql(
        f"SELECT {changed} FROM {table_name} t WHERE t.{key_column} = $1 AND {VIEWER} IS NOT NULL AND {seen}",
        (key, principal.user_id),
    )
    row = result.one_or_none()
    if row is None:
        raise NotFound(f"There is no {noun} with this key that you may see.", field=field)
    if not row[0]:
        raise Forbidden(
            f"You may see this {noun} but not change it; ask its owner for the role editor.", field=field
        )


def predicates(principal: Principal, table_name: str, viewer: str = VIEWER) -> tuple[str, str]:
    """SQL for two conditions: the caller, `viewer` in SQL, may see a row `t`, and may change it."""
    if principal.is_admin:
        return "true", "true"
    return visible(table_name, "t", viewer), changeable(table_name, "t", viewer)


def full_predicate(principal: Principal, table_name: str, viewer: str = VIEWER) -> str:
    """SQL that is true if the caller may change a row `t` as its owner does, and delete it."""
    return "true" if principal.is_admin else fully_changeable(table_name, "t", viewer)
