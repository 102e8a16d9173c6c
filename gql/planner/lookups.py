"""One row by a unique key, or several nodes by their ids."""

from dataclasses import dataclass

from gql.planner import conversions, rows
from gql.planner.catalog import Column, Key, TableType
from gql.planner.column_types import ColumnType
from gql.planner.conversions import Conversion
from gql.planner.errors import ArgumentInvalid
from gql.planner.node_ids import named_type, node_type, require_type, split_node_id
from gql.planner.selection import Field
from gql.planner.statement import Statement, conversion
from gql.planner.values import Path, Source, Value, Variables

MOST_NODES = 500


def compile_lookup(statement: Statement, table: TableType, field: Field) -> str:
    """One row or none, by the unique key that `by` names.

    `SELECT task$1.name AS "name" FROM tasks AS task$1 WHERE task$1.id = $1::uuid`
    """
    fields = list(field.arguments(statement.env)["by"].fields())
    if len(fields) != 1 or fields[0][1].is_null:
        raise ArgumentInvalid("Give exactly one key in `by`.", (*field.path, "by"))
    ((name, value),) = fields
    if name == "nodeId":
        return _node(statement, table, field, value)
    key = next(key for key in table.keys if key.field == name)
    parts = {key.columns[0].field: value} if len(key.columns) == 1 else dict(value.fields())
    alias = statement.alias(table.label)
    row = rows.compile_row(statement, table, alias, rows.fields_of_row(statement, table, field))
    conditions = [
        f"{statement.column(table, column, alias)} = "
        f"{statement.parameter(parts[column.field], conversion(column), column.kind.cast)}"
        for column in key.columns
    ]
    return _one(statement, table, alias, row, conditions, key)


def compile_me(statement: Statement, field: Field) -> str:
    """The viewer's own row.

    `SELECT user$1.username AS "username" FROM users AS user$1 WHERE user$1.id = $1::int`
    """
    table = statement.env.catalog.types["User"]
    alias = statement.alias(table.label)
    row = rows.compile_row(statement, table, alias, rows.fields_of_row(statement, table, field))
    return _one(statement, table, alias, row, [f"{alias}.id = {statement.viewer()}"], table.keys[0])


def compile_single(statement: Statement, table: TableType, field: Field) -> str:
    """The one row of a view that has one.

    `SELECT system_health$1.database_bytes::text AS "databaseBytes" FROM system_health AS system_health$1
    WHERE true`
    """
    alias = statement.alias(table.label)
    row = rows.compile_row(statement, table, alias, rows.fields_of_row(statement, table, field))
    return _one(statement, table, alias, row, ["true"], table.keys[0])


def compile_node(statement: Statement, field: Field) -> str:
    """One row of whichever table the id names."""
    value = field.arguments(statement.env)["nodeId"]
    table = node_type(statement.env.catalog, value)
    return _node(statement, table, field, value)


def _node(statement: Statement, table: TableType, field: Field, value: Value) -> str:
    named = node_type(statement.env.catalog, value)
    require_type(named.name, table.name, value.path)
    column = _node_column(table)
    alias = statement.alias(table.label)
    row = rows.compile_row(statement, table, alias, rows.fields_of_row(statement, table, field))
    key = NodeKey(value.source, table.name, value.path)
    parameter = statement.bound(key, key_conversion(column), column.kind.cast, value.path)
    return _one(statement, table, alias, row, [f"{alias}.{column.name} = {parameter}"], table.keys[0])


def _one(
    statement: Statement, table: TableType, alias: str, row: rows.Row, conditions: list[str], key: Key
) -> str:
    conditions = [*conditions, *statement.visible(table, alias)]
    return (
        f"SELECT {row.select}\nFROM {table.table} AS {alias}{row.joined}\nWHERE {' AND '.join(conditions)}"
        # The key of a partitioned table is unique by how it is made, not by a constraint.
        + ("" if key.unique else "\nLIMIT 1")
    )


def compile_nodes(statement: Statement, field: Field) -> str:
    """A JSON array with a row or null for each id, in the order of the ids.

    `SELECT coalesce(json_agg(coalesce(node$1.json, node$2.json) ORDER BY wanted.place), '[]'::json)
    FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (key$1, key$2, place)
    LEFT JOIN LATERAL (SELECT row_to_json(row$1) AS json FROM (SELECT ... FROM tasks AS task$1
    WHERE task$1.id = wanted.key$1) AS row$1) AS node$1 ON true ...`
    """
    ids = field.arguments(statement.env)["nodeIds"]
    catalog = statement.env.catalog
    # Of a variable only which types there are, in the order in which they come first: not how many ids.
    named = ids.distinct(named_type, MOST_NODES)
    if named is None:
        raise ArgumentInvalid(f"Ask for at most {MOST_NODES} nodes at a time.", ids.path)
    tables = [catalog.types[name] for name in named if isinstance(name, str) and name in catalog.types]
    if len(tables) < len(named) or any(table.node_key is None for table in tables):
        tables = [node_type(catalog, element) for element in ids.elements()]  # raises at the wrong one
    if not tables:
        return "SELECT '[]'::json"
    keys: list[str] = []
    arrays: list[str] = []
    joins: list[str] = []
    nodes: list[str] = []
    for table in tables:
        column = _node_column(table)
        key, node, inner = (statement.alias(stem) for stem in ("key", "node", "row"))
        alias = statement.alias(table.label)
        row = rows.compile_row(statement, table, alias, rows.fields_of_row(statement, table, field))
        source = NodeKeys(ids.source, table.name, column, ids.path)
        arrays.append(statement.bound(source, _as_it_is, column.kind.array_cast, ids.path))
        text = _one(statement, table, alias, row, [f"{alias}.{column.name} = wanted.{key}"], table.keys[0])
        joins.append(
            f"LEFT JOIN LATERAL (\nSELECT row_to_json({inner}) AS json FROM (\n{text}\n) AS {inner}\n"
            f") AS {node} ON true"
        )
        keys.append(key)
        nodes.append(f"{node}.json")
    shown = f"coalesce({', '.join(nodes)})"
    return (
        f"SELECT coalesce(json_agg({shown} ORDER BY wanted.place), '[]'::json)\n"
        f"FROM unnest({', '.join(arrays)}) WITH ORDINALITY AS wanted ({', '.join(keys)}, place)\n"
        + "\n".join(joins)
    )


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The key in a node id."""

    node_id: Source
    type_name: str
    path: Path

    def resolve(self, variables: Variables) -> object:
        """The key behind the type's name, which may be another one when the plan runs again."""
        type_name, key = split_node_id(self.node_id.resolve(variables), self.path)
        require_type(type_name, self.type_name, self.path)
        return key


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The keys of one table in a list of node ids, with None where an id is of another table."""

    node_ids: Source
    type_name: str
    column: Column
    path: Path

    def resolve(self, variables: Variables) -> object:
        """The keys, each at the place of its id."""
        ids = self.node_ids.resolve(variables)
        listed = ids if isinstance(ids, list | tuple) else [ids]
        split = [split_node_id(node_id, self.path) for node_id in listed]
        convert = key_conversion(self.column)
        return [convert(key) if type_name == self.type_name else None for type_name, key in split]


def key_conversion(column: Column) -> Conversion:
    """A conversion from the text in a node id; it refuses what `compile_node_id` does not write."""
    convert = conversions.whole_number if column.kind is ColumnType.INT else conversion(column)

    def as_spelt(value: object) -> object:
        converted = convert(value)
        if str(converted) != value:
            raise ValueError("is not a node id that this server returned")
        return converted

    return as_spelt


def _node_column(table: TableType) -> Column:
    if table.node_key is None:
        raise TypeError(f"{table.name} has no key")
    return table.node_key


def _as_it_is(value: object) -> object:
    return value
