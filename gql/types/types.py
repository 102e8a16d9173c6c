"""Object types of the tables, derived from the catalog."""

from collections.abc import Iterable

from gql.compat.strawberry_graphql import StrawberryArgument, StrawberryField
from gql.planner import names, subtree_usage
from gql.planner.aggregates import FUNCTIONS, PERCENTILE, measured, measured_kind
from gql.planner.catalog import Catalog, Relation, TableType, build_catalog
from gql.planner.column_types import ColumnType
from gql.planner.groups import group_keys
from gql.planner.hierarchy import DEEPEST
from gql.types.builder import (
    NAMES,
    SCALAR_NAMES,
    argument,
    interface_type,
    object_type,
    optional,
    output_field,
    scalar_name,
)
from gql.types.inputs import define_inputs

FIGURES = {
    "sum": "Sums over the rows; null where no row has a value.",
    "avg": "Averages over the rows that have a value.",
    "min": "Smallest values.",
    "max": "Largest values.",
    PERCENTILE: "Percentiles of the rows that have a value, interpolated between the two nearest.",
}


def table_type(name: str) -> type:
    """The type of a table by its name in the schema, to annotate a field with: `table_type("Task")`.

    A resolver of such a field returns a `Fragment` from `gql/execution/loaders.py`.
    """
    made: type = NAMES[name]
    return made


def connection_arguments(table: TableType) -> list[StrawberryArgument]:
    """The arguments that every connection takes."""
    found = [
        argument("first", "Optional[Int]", "How many rows from the start: 50 unless given, at most 500."),
        argument("after", "Optional[String]", "Only rows behind this cursor."),
        argument("last", "Optional[Int]", "How many rows from the end, instead of `first`; at most 500."),
        argument("before", "Optional[String]", "Only rows before this cursor."),
        argument("where", f"Optional[{table.name}Where]", "Only rows that fit."),
        argument(
            "orderBy", f"Optional[List[{table.name}Order]]", "The order; the key decides between equals."
        ),
    ]
    if table.search is not None:
        description = (
            "Only rows that contain these words, in any language; best first unless `orderBy` is given."
        )
        found.append(argument("search", "Optional[String]", description))
    return found


def define_types(catalog: Catalog) -> None:
    """Make the types of every table, its connection, figures and groups."""
    define_inputs(catalog)
    interface_type("Node", [_node_id()], "Anything with an id of its own across all types.")
    page_info = [
        output_field("hasNextPage", "Boolean", "Whether rows follow the page; `before` counts as such."),
        output_field("hasPreviousPage", "Boolean", "Whether rows precede the page; `after` counts as such."),
        output_field("startCursor", "Optional[String]", "The cursor of the first row."),
        output_field("endCursor", "Optional[String]", "The cursor of the last row."),
    ]
    object_type("PageInfo", page_info, "Where a page stands in its list.")
    used = [
        output_field(
            name,
            optional(SCALAR_NAMES[figure.kind], when=figure.kind is ColumnType.DATETIME),
            figure.description,
        )
        for name, figure in subtree_usage.FIGURES.items()
    ]
    object_type(subtree_usage.TYPE, used, "What a tree of instances used of models, in sum.")
    for table in catalog.types.values():
        _table(catalog, table)
        figures = _figures(table)
        _groups(table, figures)
        _connection(table)


def _node_id() -> StrawberryField:
    return output_field("nodeId", "ID", "The id of the row across all types; opaque.")


def _table(catalog: Catalog, table: TableType) -> None:
    fields = [_node_id()] if table.node_key is not None else []
    fields += [
        output_field(column.field, optional(scalar_name(column), when=column.nullable), column.description)
        for column in table.columns.values()
    ]
    fields += [_relation(catalog, relation) for relation in table.relations.values()]
    fields += _derived(catalog).get(table.name, [])
    interfaces = (NAMES["Node"],) if table.node_key is not None else ()
    object_type(table.name, fields, table.description, interfaces)


def _relation(catalog: Catalog, relation: Relation) -> StrawberryField:
    if relation.is_list:
        target = catalog.types[relation.target]
        return output_field(
            relation.field, f"{relation.target}Connection", relation.description, connection_arguments(target)
        )
    return output_field(
        relation.field, optional(relation.target, when=relation.nullable), relation.description
    )


def _derived(catalog: Catalog) -> dict[str, list[StrawberryField]]:
    """The fields of `gql/planner/computed_fields.py`."""
    found: dict[str, list[StrawberryField]] = {}
    if "CcInstance" in catalog.types:
        arguments = connection_arguments(catalog.types["CcInstance"])
        deepest = argument("maxDepth", "Optional[Int]", f"How many levels down, 1 to {DEEPEST}.")
        kind = "CcInstanceConnection"
        found["CcInstance"] = [
            output_field("depth", "Int", "How many instances stand above this one."),
            output_field("ancestors", kind, "The instances above this one.", arguments),
            output_field("descendants", kind, "The instances below this one.", [deepest, *arguments]),
            output_field(
                "subtreeUsage", subtree_usage.TYPE, "What this instance and all below it used of models."
            ),
        ]
    if "Task" in catalog.types:
        arguments = connection_arguments(catalog.types["Task"])
        found["Task"] = [
            output_field("isReady", "Boolean", "Whether it waits to be done and nothing holds it back."),
            output_field("blockedBy", "TaskConnection", "The tasks that have to be done first.", arguments),
            output_field("blocks", "TaskConnection", "The tasks that wait for this one.", arguments),
        ]
    return found


def _connection(table: TableType) -> None:
    edge = [
        output_field(
            "cursor", "String", "The place of the row in this list; give it to `after` or `before`."
        ),
        output_field("node", table.name, "The row."),
    ]
    object_type(f"{table.name}Edge", edge, f"A row of {table.name} in a list.")
    groups = [
        argument("by", f"List[{table.name}GroupBy]", "What to group by."),
        argument("first", "Optional[Int]", "How many groups: 100 unless given, at most 500."),
    ]
    fields = [
        output_field("nodes", f"List[{table.name}]", "The rows of the page."),
        output_field("edges", f"List[{table.name}Edge]", "The rows of the page with their cursors."),
        output_field("pageInfo", "PageInfo", "Where the page stands in the list."),
        output_field("totalCount", "Int", "How many rows fit, over all pages; counted only when asked for."),
        output_field("aggregate", f"{table.name}Aggregate", "Figures over all rows that fit."),
        output_field(
            "groups", f"List[{table.name}Group]", "The rows that fit, grouped, in key order.", groups
        ),
    ]
    object_type(f"{table.name}Connection", fields, f"A list of {table.name}, page by page.")


def _figures(table: TableType) -> list[tuple[str, str, str]]:
    found = [("count", "Int", "How many rows there are.")]
    for function in FUNCTIONS:
        columns = measured(table, function)
        if not columns:
            continue
        name = f"{table.name}{names.upper_first(function)}"
        fields = [
            output_field(column.field, optional(_figure_type(function, column.kind)), column.description)
            for column in columns
        ]
        object_type(name, fields, FIGURES[function])
        found.append((function, name, FIGURES[function]))
    fields = _fields(found)
    object_type(f"{table.name}Aggregate", fields, f"Figures over rows of {table.name}.")
    return found


def _figure_type(function: str, kind: ColumnType) -> str:
    return SCALAR_NAMES[measured_kind(function, kind)]


def _groups(table: TableType, figures: list[tuple[str, str, str]]) -> None:
    keys = [
        output_field(key.field, optional(scalar_name(key.column)), key.description)
        for key in group_keys(table).values()
    ]
    name = f"{table.name}GroupKey"
    object_type(name, keys, "The values that the rows of a group share; null where not grouped by.")
    fields = [output_field("key", name, "What the rows have in common."), *_fields(figures)]
    object_type(f"{table.name}Group", fields, f"Rows of {table.name} with equal keys.")


def _fields(figures: Iterable[tuple[str, str, str]]) -> list[StrawberryField]:
    return [
        output_field(name, kind, description, [_share()] if name == PERCENTILE else [])
        for name, kind, description in figures
    ]


def _share() -> StrawberryArgument:
    return argument("p", "Float", "Which one, from 0 to 1: 0.95 for what 95 of 100 rows do not exceed.")


CATALOG = build_catalog()
define_types(CATALOG)
