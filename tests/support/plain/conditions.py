"""The operators of filters, one value at a time."""

import ipaddress
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from gql.planner.catalog import Column
from gql.planner.column_types import ColumnType
from tests.support.plain.values import kind_of_json


def operate(column: Column, value: Any, operator: str, operand: Any) -> bool:
    """True if one operator of a filter holds. A comparison with nothing is false."""
    if operator == "isNull":
        return (value is None) is operand
    if operator in ("neq", "notIn"):
        return not operate(column, value, "eq" if operator == "neq" else "in", operand)
    if value is None and operator != "path":  # at every place of nothing is nothing
        return False
    if column.kind is ColumnType.JSON:
        return _json_operate(value, operator, operand)
    if operator == "in":
        return any(operate(column, value, "eq", each) for each in operand)
    if operator in ("like", "ilike", "startsWith", "contains"):
        return _matches(value, operator, operand)
    other = _given(column, operand)
    here = _comparable(value) if column.kind is ColumnType.ADDRESS else value
    return _holds(here, operator, other)


def _comparable(address: Any) -> tuple[int, int]:
    """IPv4 comes before IPv6."""
    return address.version, int(getattr(address, "ip", address))


def _holds(value: Any, operator: str, other: Any) -> bool:
    return bool(
        {
            "eq": lambda: value == other,
            "lt": lambda: value < other,
            "lte": lambda: value <= other,
            "gt": lambda: value > other,
            "gte": lambda: value >= other,
        }[operator]()
    )


def _given(column: Column, operand: Any) -> Any:
    if column.choices is not None:
        return column.choices[operand].value
    match column.kind:
        case ColumnType.DATETIME:
            return datetime.fromisoformat(operand)
        case ColumnType.DATE:
            return date.fromisoformat(operand)
        case ColumnType.BIGINT:
            return int(operand)
        case ColumnType.UUID:
            return UUID(operand)
        case ColumnType.ADDRESS:
            return _comparable(ipaddress.ip_address(operand))
        case _:
            return operand


def _matches(value: str, operator: str, operand: str) -> bool:
    if operator == "startsWith":
        return value.startswith(operand)
    if operator == "contains":
        return operand in value
    return _like(value.lower(), operand.lower()) if operator == "ilike" else _like(value, operand)


def _like(value: str, pattern: str) -> bool:
    if not pattern:
        return not value
    head, rest = pattern[0], pattern[1:]
    if head == "%":
        return any(_like(value[start:], rest) for start in range(len(value) + 1))
    if head == "\\":
        head, rest = rest[0], rest[1:]
    elif head == "_":
        return bool(value) and _like(value[1:], rest)
    return value[:1] == head and _like(value[1:], rest)


def at(value: Any, path: Sequence[str]) -> Any:
    """The value at a path in a JSON value; None for nothing and for null."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _json_operate(value: Any, operator: str, operand: Any) -> bool:
    if operator == "hasKey":
        return operand in value if isinstance(value, dict | list) else value == operand
    if operator == "contains":
        return _contains(value, operand)
    found = at(value, operand["at"])
    return all(_at_operate(found, name, other) for name, other in operand.items() if name != "at")


def _at_operate(found: Any, operator: str, operand: Any) -> bool:
    if operator == "isNull":
        return (found is None) is operand
    if operator in ("neq", "notIn"):
        return not _at_operate(found, "eq" if operator == "neq" else "in", operand)
    if found is None:
        return False
    if operator == "eq":
        return kind_of_json(found) == kind_of_json(operand) and bool(found == operand)
    if operator == "in":
        return any(_at_operate(found, "eq", each) for each in operand)
    if operator in ("like", "ilike", "startsWith"):
        text = found if isinstance(found, str) else orjson.dumps(found).decode()
        return _matches(text, operator, operand)
    return kind_of_json(found) == kind_of_json(operand) and _holds(found, operator, operand)


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, dict) and isinstance(part, dict):
        return all(key in value and _contains(value[key], inner) for key, inner in part.items())
    if isinstance(value, list) and isinstance(part, list):
        return all(any(_contains(each, inner) for each in value) for inner in part)
    return kind_of_json(value) == kind_of_json(part) and bool(value == part)
