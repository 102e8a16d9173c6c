"""The fields of one row of a table: what stands in an object of its type."""

from collections.abc import Sequence
from dataclasses import dataclass

from gql.planner import computed_fields, connections
from gql.planner.catalog import Relation, TableType
from gql.planner.list_conditions import Link
from gql.planner.node_ids import compile_node_id
from gql.planner.selection import Field
from gql.planner.statement import Statement, shown

NODE = "Node"


@dataclass(frozen=True, slots=True)
class Row:
    """`columns` are the select list, one per response key; `joins` bring the objects that stand in it."""

    columns: tuple[str, ...]
    joins: tuple[str, ...]

    @property
    def select(self) -> str:
        """The select list."""
        return ", ".join(self.columns)

    @property
    def joined(self) -> str:
        """The joins as they follow the row's table: each on a line of its own."""
        return "".join(f"\n{join}" for join in self.joins)


def compile_row(statement: Statement, table: TableType, alias: str, fields: Sequence[Field]) -> Row:
    """The select list and the joins for `fields` of the row `alias`.

    `task$1.name AS "name", project$2 AS "project"` with `LEFT JOIN LATERAL (SELECT project$1.name AS "name"
    FROM projects AS project$1 WHERE ...) AS project$2 ON true`.

    A joined object stands in the list as a whole row, which PostgreSQL turns into JSON by its column names.
    """
    columns: list[str] = []
    joins: list[str] = []
    for field in fields:
        expression = _simple(statement, table, alias, field)
        if expression is None:
            expression, join = _joined(statement, table, alias, field)
            joins.append(join)
        columns.append(f'{expression} AS "{field.key}"')
    return Row(tuple(columns), tuple(joins))


def fields_of_row(statement: Statement, table: TableType, field: Field) -> list[Field]:
    """The fields selected on a row of `table`, also through fragments on Node."""
    return field.selected(statement.env, table.name, NODE)


def _simple(statement: Statement, table: TableType, alias: str, field: Field) -> str | None:
    if field.name == "__typename":
        return f"'{table.name}'"
    if field.name == "nodeId" and table.node_key is not None:
        return compile_node_id(table, alias)
    column = table.columns.get(field.name)
    if column is not None:
        return shown(statement, table, column, alias)
    expression = computed_fields.EXPRESSIONS.get((table.name, field.name))
    return None if expression is None else expression(statement, alias)


def _joined(statement: Statement, table: TableType, alias: str, field: Field) -> tuple[str, str]:
    compile_object = computed_fields.OBJECTS.get((table.name, field.name))
    if compile_object is not None:
        name = statement.alias("object")
        return name, f"LEFT JOIN LATERAL (\n{compile_object(statement, alias, field)}\n) AS {name} ON true"
    relation = table.relations.get(field.name)
    target = table if relation is None else statement.env.catalog.types[relation.target]
    if relation is None:
        link = computed_fields.LINKS[table.name, field.name](statement, alias, field)
        text = connections.compile_connection(statement, target, link, field)
    elif relation.is_list:
        link = Link(
            lambda inner: [f"{inner}.{relation.remote} = {alias}.{relation.local}"],
            relation.proven,
            relation.ordered_by,
        )
        text = connections.compile_connection(statement, target, link, field)
    else:
        text = compile_to_one(statement, relation, target, alias, field)
    name = statement.alias(target.label)
    return name, f"LEFT JOIN LATERAL (\n{text}\n) AS {name} ON true"


def compile_to_one(
    statement: Statement, relation: Relation, target: TableType, alias: str, field: Field
) -> str:
    """The row that a foreign key points to, if the viewer may see it.

    `SELECT project$1.name AS "name" FROM projects AS project$1
    WHERE project$1.project_id = task$1.project_id`
    """
    inner = statement.alias(target.label)
    row = compile_row(statement, target, inner, fields_of_row(statement, target, field))
    conditions = [f"{inner}.{relation.remote} = {alias}.{relation.local}"]
    if not relation.proven:
        conditions += statement.visible(target, inner)
    return (
        f"SELECT {row.select}\nFROM {target.table} AS {inner}{row.joined}\nWHERE {' AND '.join(conditions)}"
    )
