"""The operators of a filter on one column, by the kind of the column."""

from collections.abc import Callable

from gql.planner import conversions
from gql.planner.catalog import Column
from gql.planner.column_types import CONVERT, ColumnType
from gql.planner.conversions import Each
from gql.planner.errors import ArgumentInvalid
from gql.planner.statement import Statement, conversion
from gql.planner.values import Value

COMPARISONS = {"eq": "=", "neq": "IS DISTINCT FROM", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
PATTERNS = {"like": "LIKE", "ilike": "ILIKE"}

EQUALITY = ("eq", "neq", "in", "notIn")
RANGE = ("lt", "lte", "gt", "gte")
TEXTUAL = ("like", "ilike", "startsWith")


def operators_of(kind: ColumnType) -> tuple[str, ...]:
    """The operators that a filter on this kind of column offers (docs/api.md, Conditions)."""
    if kind is ColumnType.JSON:
        return ("contains", "hasKey", "path", "isNull")
    if kind is ColumnType.BOOLEAN:
        return ("eq", "neq", "isNull")
    if kind is ColumnType.CHOICE:
        return (*EQUALITY, "isNull")
    if kind is ColumnType.TEXT:
        return (*EQUALITY, *RANGE, "isNull", *TEXTUAL, "contains")
    return (*EQUALITY, *RANGE, "isNull")


def is_condition(operator: str, operand: Value) -> bool:
    """True if there is a condition: a path without an operator asks for nothing."""
    return operator != "path" or any(name != "at" for name, _ in operand.fields())


def compile_operators(
    statement: Statement, column: Column, expression: str, operator: str, operand: Value
) -> list[str]:
    """The condition of one operator on a column: `task$1.priority >= $1::int`."""
    if column.kind is ColumnType.JSON:
        return _json(statement, expression, operator, operand)
    if operator == "contains":
        needle = statement.parameter(operand, conversions.text, "::text")
        return [f"strpos({expression}, {needle}) > 0"]
    return [_compare(statement, column.kind, conversion(column), expression, operator, operand)]


def _compare(
    statement: Statement,
    kind: ColumnType,
    convert: Callable[[object], object],
    expression: str,
    operator: str,
    operand: Value,
) -> str:
    if operator == "isNull":
        return f"{expression} IS {'' if operand.plain() else 'NOT '}NULL"
    if operator in ("in", "notIn"):
        among = f"{expression} = ANY({statement.compared(operand, Each(convert), kind.array_cast)})"
        return among if operator == "in" else f"({among}) IS NOT TRUE"
    if operator in PATTERNS:
        parameter = statement.parameter(operand, like_pattern, "::text")
        return f"{expression} {PATTERNS[operator]} {parameter}"
    if operator == "startsWith":
        return f"{expression} ^@ {statement.parameter(operand, conversions.text, '::text')}"
    return f"{expression} {COMPARISONS[operator]} {statement.compared(operand, convert, kind.cast)}"


def like_pattern(value: object) -> str:
    """A pattern for LIKE: `%` any characters, `_` one, a backslash before either takes it as it is."""
    pattern = conversions.text(value)
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise ValueError("must not end with a single backslash")
    return pattern


def _json(statement: Statement, expression: str, operator: str, operand: Value) -> list[str]:
    """`setting_value @> $1`, `setting_value ? $1`, and the operators of `path` at its place."""
    if operator == "contains":
        part = statement.parameter(operand, conversions.json_text, ColumnType.JSON.cast)
        return [f"{expression} @> {part}"]
    if operator == "hasKey":
        return [f"{expression} ? {statement.parameter(operand, conversions.text, '::text')}"]
    if operator == "isNull":
        return [f"{expression} IS {'' if operand.plain() else 'NOT '}NULL"]
    parts = dict(operand.fields())
    at = statement.parameter(parts.pop("at"), Each(conversions.text), "::text[]")
    for value in parts.values():
        if value.is_null:
            raise ArgumentInvalid(
                f"`{value.path[-1]}` is null: leave it out, or use `isNull` to find what has no value.",
                value.path,
            )
    return [_at(statement, expression, at, name, value) for name, value in parts.items()]


def _at(statement: Statement, expression: str, at: str, operator: str, operand: Value) -> str:
    if operator == "isNull":
        return f"({expression} #>> {at}) IS {'' if operand.plain() else 'NOT '}NULL"
    if operator in TEXTUAL:
        found = f"({expression} #>> {at})"
        return _compare(statement, ColumnType.TEXT, conversions.text, found, operator, operand)
    found = f"({expression} #> {at})"
    compared = _compare(statement, ColumnType.JSON, CONVERT[ColumnType.JSON], found, operator, operand)
    if operator not in RANGE:
        return compared
    # jsonb orders numbers before texts; a comparison only makes sense within one type.
    other = statement.parameter(operand, CONVERT[ColumnType.JSON], ColumnType.JSON.cast)
    return f"(jsonb_typeof({found}) = jsonb_typeof({other}) AND {compared})"
