"""Node ids: which row of which table, as one opaque text (Relay's object identification)."""

import base64
import binascii

from gql.planner.catalog import Catalog, TableType
from gql.planner.errors import ArgumentInvalid
from gql.planner.values import Path, Value

LONGEST_NODE_ID = 200


def compile_node_id(table: TableType, alias: str) -> str:
    """The id of the row `alias`: base64 of `Task:` and its key.

    `translate(encode(convert_to('Task:' || task$1.id, 'UTF8'), 'base64'), E'\\n', '')`
    """
    if table.node_key is None:
        raise TypeError(f"{table.name} has no key")
    named = f"'{table.name}:' || {alias}.{table.node_key.name}"
    return f"translate(encode(convert_to({named}, 'UTF8'), 'base64'), E'\\n', '')"


def make_node_id(type_name: str, key: object) -> str:
    """The same in Python."""
    return base64.b64encode(f"{type_name}:{key}".encode()).decode()


def split_node_id(node_id: object, path: Path) -> tuple[str, str]:
    """The type's name and the key as text; ArgumentInvalid for what this server cannot have made."""
    given = str(node_id)
    try:
        named = base64.b64decode(given, validate=True).decode() if len(given) <= LONGEST_NODE_ID else ""
    except (binascii.Error, ValueError):
        raise _no_node_id(path) from None
    type_name, colon, key = named.partition(":")
    # Base64 has several spellings of most bytes; only one of them is what this server returns.
    if not colon or make_node_id(type_name, key) != given:
        raise _no_node_id(path)
    return type_name, key


def named_type(node_id: object) -> str | None:
    """Measure: the name of the type in a node id; None for what is no node id."""
    try:
        return split_node_id(node_id, ())[0]
    except ArgumentInvalid:
        return None


def node_type(catalog: Catalog, node_id: Value) -> TableType:
    """The table that a node id names; ArgumentInvalid when there is none."""
    table = catalog.types.get(str(node_id.measured(named_type)))
    if table is None or table.node_key is None:
        raise _no_node_id(node_id.path)
    return table


def require_type(type_name: str, wanted: str, path: Path) -> None:
    """ArgumentInvalid unless a node id is one of the type that the field gives."""
    if type_name != wanted:
        raise ArgumentInvalid(f"This `nodeId` is not one of a {wanted}.", path)


def _no_node_id(path: Path) -> ArgumentInvalid:
    return ArgumentInvalid("A node id is what a field `nodeId` of this server returned.", path)
