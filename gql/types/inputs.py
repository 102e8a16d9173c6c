"""Inputs of the reading side, derived from the catalog: filters, orders, keys, group keys."""

from gql.planner import names
from gql.planner.catalog import Catalog, Column, Key, TableType
from gql.planner.column_types import ColumnType
from gql.planner.groups import group_keys
from gql.planner.operators import operators_of
from gql.planner.order import Clause, Direction
from gql.types.builder import NAMES, derived_enum, enum_type, input_field, input_type, optional, scalar_name

OPERATORS = {
    "eq": "Equal to.",
    "neq": "Not equal to, or without a value.",
    "in": "Equal to one of these.",
    "notIn": "Equal to none of these, or without a value.",
    "lt": "Less than.",
    "lte": "Less than or equal to.",
    "gt": "Greater than.",
    "gte": "Greater than or equal to.",
    "isNull": "Whether there is no value.",
    "like": "Fits a pattern: % stands for any characters, _ for one.",
    "ilike": "Fits a pattern, without regard to upper and lower case.",
    "startsWith": "Begins with this text.",
    "contains": "Contains this text.",
    "hasKey": "Has this key at the top, or this text as an element.",
    "path": "What stands at a path inside.",
}


def define_inputs(catalog: Catalog) -> None:
    """Make the input types of every table."""
    enum_type(Direction)
    _json_inputs()
    for table in catalog.types.values():
        _where(table)
        _quantified(table)
        _order(table)
        if table.keys:
            _keys(table)
        if keys := group_keys(table):
            members = {name: (name, key.description) for name, key in keys.items()}
            description = (
                f"What rows of {table.name} can be grouped by; times by hour, day, week or month in UTC."
            )
            derived_enum(f"{table.name}GroupBy", members, description, Clause)


def _json_inputs() -> None:
    at = input_field("at", "List[String]", "The path: keys of objects and indexes of lists.")
    operators = [
        input_field("eq", "Optional[JSON]", OPERATORS["eq"]),
        input_field("neq", "Optional[JSON]", OPERATORS["neq"]),
        input_field("in", "Optional[List[JSON]]", OPERATORS["in"]),
        input_field("notIn", "Optional[List[JSON]]", OPERATORS["notIn"]),
        *(input_field(name, "Optional[JSON]", OPERATORS[name]) for name in ("lt", "lte", "gt", "gte")),
        input_field("isNull", "Optional[Boolean]", "Whether there is nothing, or null, at the path."),
        *(input_field(name, "Optional[String]", OPERATORS[name]) for name in ("like", "ilike", "startsWith")),
    ]
    input_type("JSONPathFilter", [at, *operators], "Conditions on what stands at a path in a JSON value.")
    at = input_field("at", "List[String]", "The path: keys of objects and indexes of lists.")
    direction = input_field("direction", "Optional[Direction]", "ASC unless it is given.")
    input_type("JSONOrder", [at, direction], "Order by what stands at a path in a JSON value.")


def _filter(column: Column) -> str:
    """The filter type for a column's kind, made when it is first needed."""
    scalar = scalar_name(column)
    # Addresses are texts in the API only: patterns and parts of texts mean nothing to them.
    is_address = column.kind is ColumnType.ADDRESS
    name = "AddressFilter" if is_address else f"{scalar}Filter"
    if name in NAMES:
        return name
    types = {
        "in": f"List[{scalar}]",
        "notIn": f"List[{scalar}]",
        "isNull": "Boolean",
        "path": "JSONPathFilter",
    }
    if column.kind is ColumnType.JSON:
        types["hasKey"] = "String"
    fields = [
        input_field(operator, optional(types.get(operator, scalar)), OPERATORS[operator])
        for operator in operators_of(column.kind)
    ]
    of_what = "an IP address (IPv4 comes before IPv6)" if is_address else f"a {scalar}"
    input_type(name, fields, f"Conditions on {of_what}; all that are given have to hold.")
    return name


def _where(table: TableType) -> None:
    name = f"{table.name}Where"
    fields = [
        input_field("and", f"Optional[List[{name}]]", "All of these hold."),
        input_field("or", f"Optional[List[{name}]]", "At least one of these holds."),
        input_field("not", f"Optional[{name}]", "This does not hold."),
    ]
    fields += [
        input_field(column.field, optional(_filter(column)), column.description)
        for column in table.columns.values()
    ]
    for relation in table.relations.values():
        inner = f"{relation.target}ListWhere" if relation.is_list else f"{relation.target}Where"
        fields.append(input_field(relation.field, optional(inner), relation.description))
    input_type(name, fields, f"Conditions on rows of {table.name}; all that are given have to hold.")


def _quantified(table: TableType) -> None:
    where = f"Optional[{table.name}Where]"
    fields = [
        input_field("some", where, "At least one visible row fits."),
        input_field("every", where, "Every visible row fits; also when there is none."),
        input_field("none", where, "No visible row fits."),
    ]
    input_type(f"{table.name}ListWhere", fields, f"Conditions on the related rows of {table.name}.")


def _order(table: TableType) -> None:
    fields = [
        input_field(
            column.field,
            "Optional[JSONOrder]" if column.kind is ColumnType.JSON else "Optional[Direction]",
            column.description,
        )
        for column in table.columns.values()
    ]
    fields += [
        input_field(relation.field, f"Optional[{relation.target}Order]", relation.description)
        for relation in table.relations.values()
        if not relation.is_list
    ]
    if table.search is not None and "rank" not in table.columns:
        fields.append(input_field("rank", "Optional[Direction]", "How well a row fits the `search`."))
    description = f"One value to order rows of {table.name} by."
    input_type(f"{table.name}Order", fields, description, one_of=True)


def _keys(table: TableType) -> None:
    fields = [input_field(key.field, optional(_key(table, key)), _key_description(key)) for key in table.keys]
    if table.node_key is not None:
        fields.append(input_field("nodeId", "Optional[ID]", "The id of the row as a Node."))
    input_type(f"{table.name}By", fields, f"A unique key of {table.name}.", one_of=True)


def _key(table: TableType, key: Key) -> str:
    if len(key.columns) == 1:
        return scalar_name(key.columns[0])
    name = f"{table.name}{names.upper_first(key.field)}"
    fields = [input_field(column.field, scalar_name(column), column.description) for column in key.columns]
    input_type(name, fields, f"The parts of a unique key of {table.name}.")
    return name


def _key_description(key: Key) -> str:
    if len(key.columns) == 1:
        return key.columns[0].description
    return "The row with these values, of which there is at most one."
