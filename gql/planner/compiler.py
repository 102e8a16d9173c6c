"""The root: one statement with a column of JSON text for each root field that reads tables."""

from collections.abc import Sequence

from gql.planner.catalog import Catalog, TableType
from gql.planner.connections import compile_connection
from gql.planner.conversions import EachOrNone, integer
from gql.planner.lookups import (
    compile_lookup,
    compile_me,
    compile_node,
    compile_nodes,
    compile_single,
)
from gql.planner.plan import Plan
from gql.planner.rows import compile_row, fields_of_row
from gql.planner.selection import Field
from gql.planner.statement import CompileEnv, Statement, conversion
from gql.planner.values import FromVariable

KEYS = "wanted keys"
VIEWERS = "wanted viewers"
"""Variables of ours: no name in a document has a blank."""
VIEWER_COLUMN = "wanted.viewer"
SPECIAL = ("me", "node", "nodes")


def is_table_field(catalog: Catalog, name: str) -> bool:
    """True if a field of Query is answered by a plan."""
    return name in catalog.connections or name in catalog.lookups or name in SPECIAL


def compile_query(env: CompileEnv, fields: Sequence[Field]) -> Plan:
    """The statement for these root fields, all of which read tables.

    `SELECT (SELECT row_to_json(root$1)::text FROM (SELECT ...) AS root$1) AS "tasks", (...) AS "project"`
    """
    statement = Statement(env, sets={})
    columns = [f'(\n{_root(statement, field)}\n) AS "{field.key}"' for field in fields]
    return Plan(
        keys=tuple(field.key for field in fields),
        sql=statement.with_sets("SELECT " + ", ".join(columns)),
        parameters=tuple(statement.parameters),
        by_viewer=statement.by_viewer,
    )


def compile_rows(env: CompileEnv, type_name: str, field: Field) -> Plan:
    """The statement that loads rows by key for a selection: for the payloads of mutations.

    The keys are the variable KEYS, in which None is allowed; the answer is one JSON text for each key, in
    order, null where there is no such row for this viewer.

    `SELECT (SELECT row_to_json(row$1)::text FROM (SELECT ... WHERE task$1.id = wanted.key) AS row$1)
    FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (key, place) ORDER BY wanted.place`
    """
    statement = Statement(env)
    table = env.catalog.types[type_name]
    text = _wanted_row(statement, table, field, visible=True)
    wanted = f"unnest({_keys(statement, table)}) WITH ORDINALITY AS wanted (key, place)"
    return _rows(statement, text, wanted)


def compile_events(env: CompileEnv, type_name: str, field: Field, *, own: bool) -> Plan:
    """The statement that loads rows for events, each for the viewer who is to hear of it.

    As `compile_rows`, with users.id of the viewers in the variable VIEWERS beside KEYS. `own` says that the
    rows were found visible already. A plan that is not `by_viewer` then gives all viewers the same.

    `SELECT (SELECT row_to_json(row$1)::text FROM (SELECT ... WHERE task$1.id = wanted.key) AS row$1)
    FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place) ORDER BY wanted.place`
    """
    statement = Statement(env, viewer_column=VIEWER_COLUMN)
    table = env.catalog.types[type_name]
    text = _wanted_row(statement, table, field, visible=not own)
    keys = _keys(statement, table)
    viewers = statement.bound(FromVariable(VIEWERS), EachOrNone(integer), "::int[]", (VIEWERS,))
    return _rows(statement, text, f"unnest({keys}, {viewers}) WITH ORDINALITY AS wanted (key, viewer, place)")


def _rows(statement: Statement, text: str, wanted: str) -> Plan:
    sql = f"SELECT (\n{text}\n)\nFROM {wanted}\nORDER BY wanted.place"
    return Plan((KEYS,), sql, tuple(statement.parameters), statement.by_viewer)


def _wanted_row(statement: Statement, table: TableType, field: Field, *, visible: bool) -> str:
    key = table.keys[0]
    (column,) = key.columns
    alias, inner = statement.alias(table.label), statement.alias("row")
    row = compile_row(statement, table, alias, fields_of_row(statement, table, field))
    conditions = [f"{alias}.{column.name} = wanted.key"]
    if visible:
        conditions += statement.visible(table, alias)
    return (
        f"SELECT row_to_json({inner})::text\nFROM (\nSELECT {row.select}\n"
        f"FROM {table.table} AS {alias}{row.joined}\nWHERE {' AND '.join(conditions)}"
        f"{'' if key.unique else ' LIMIT 1'}\n) AS {inner}"
    )


def _keys(statement: Statement, table: TableType) -> str:
    (column,) = table.keys[0].columns
    return statement.bound(
        FromVariable(KEYS), EachOrNone(conversion(column)), column.kind.array_cast, (KEYS,)
    )


def _root(statement: Statement, field: Field) -> str:
    catalog = statement.env.catalog
    if field.name == "nodes":
        name = statement.alias("nodes")
        return f"SELECT {name}.json::text FROM (\n{compile_nodes(statement, field)}\n) AS {name} (json)"
    if field.name == "me":
        text = compile_me(statement, field)
    elif field.name == "node":
        text = compile_node(statement, field)
    elif field.name in catalog.lookups:
        text = compile_lookup(statement, catalog.lookups[field.name], field)
    elif (table := catalog.connections[field.name]).is_single:
        text = compile_single(statement, table, field)
    else:
        text = compile_connection(statement, table, None, field)
    name = statement.alias("root")
    return f"SELECT row_to_json({name})::text\nFROM (\n{text}\n) AS {name}"
