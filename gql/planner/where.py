"""Conditions: `where` over columns, related rows, and, or, not.

Logic has two values. A comparison with a null column is false, and `not` is true wherever its condition is
not; so `neq` and `notIn` also find rows without a value.
"""

from gql.planner.catalog import Column, Relation, TableType
from gql.planner.errors import ArgumentInvalid
from gql.planner.operators import compile_operators, is_condition
from gql.planner.statement import MOST_JOINED, Statement
from gql.planner.values import Value


def compile_where(statement: Statement, table: TableType, alias: str, where: Value | None) -> list[str]:
    """The conditions of `where`, to be joined by AND; none when there is nothing to hold.

    `task$1.status = ANY($1::text[])`,
    `EXISTS (SELECT FROM projects AS project$1 WHERE project$1.project_id = task$1.project_id AND ...)`
    """
    statement.joined = 0
    return _conditions(statement, table, alias, where, 0)


def _conditions(
    statement: Statement, table: TableType, alias: str, where: Value | None, depth: int
) -> list[str]:
    """The same for a part of it that was reached through so many tables."""
    if where is None:
        return []
    conditions: list[str] = []
    for name, value in _present(where):
        if name == "and":
            for element in value.elements():
                conditions += _conditions(statement, table, alias, _filled(element), depth)
        elif name == "or":
            conditions.append(_any(statement, table, alias, value, depth))
        elif name == "not":
            conditions.append(f"({_all(statement, table, alias, value, depth)}) IS NOT TRUE")
        elif name in table.relations:
            conditions += _related(statement, table.relations[name], alias, value, depth + 1)
        else:
            conditions += _column(statement, table, table.columns[name], alias, value)
    return conditions


def _column(statement: Statement, table: TableType, column: Column, alias: str, value: Value) -> list[str]:
    operators = [found for found in _present(value) if is_condition(*found)]
    if not operators:
        return []  # and no parameter either: PostgreSQL refuses one that nothing uses
    expression = statement.column(table, column, alias)
    return [
        condition
        for operator, operand in operators
        for condition in compile_operators(statement, column, expression, operator, operand)
    ]


def _any(statement: Statement, table: TableType, alias: str, value: Value, depth: int) -> str:
    alternatives = [_all(statement, table, alias, _filled(element), depth) for element in value.elements()]
    return f"({' OR '.join(alternatives)})" if alternatives else "false"


def _all(statement: Statement, table: TableType, alias: str, where: Value, depth: int) -> str:
    conditions = _conditions(statement, table, alias, where, depth)
    return f"({' AND '.join(conditions)})" if len(conditions) > 1 else "".join(conditions) or "true"


def _related(statement: Statement, relation: Relation, alias: str, value: Value, depth: int) -> list[str]:
    if not relation.is_list:
        # A filter without conditions holds for every row, also for one that leads nowhere.
        return (
            [_exists(statement, relation, alias, value, depth)] if any(True for _ in value.fields()) else []
        )
    conditions = []
    for quantifier, inner in _present(value):
        if quantifier == "some":
            conditions.append(_exists(statement, relation, alias, inner, depth))
        elif quantifier == "none":
            conditions.append(f"NOT {_exists(statement, relation, alias, inner, depth)}")
        else:
            conditions.append(f"NOT {_exists(statement, relation, alias, inner, depth, but_not=True)}")
    return conditions


def _exists(
    statement: Statement,
    relation: Relation,
    alias: str,
    where: Value,
    depth: int,
    *,
    but_not: bool = False,
) -> str:
    statement.enter(depth, where.path)
    joined = statement.joined
    # A condition that is compared with a truth value is planned by itself.
    apart = joined >= MOST_JOINED
    statement.joined = 0 if apart else joined + 1
    target = statement.env.catalog.types[relation.target]
    inner = statement.alias(target.label)
    conditions = [f"{inner}.{relation.remote} = {alias}.{relation.local}"]
    if not relation.proven:
        conditions += statement.visible(target, inner)
    if but_not:
        conditions.append(f"({_all(statement, target, inner, where, depth)}) IS NOT TRUE")
    else:
        conditions += _conditions(statement, target, inner, where, depth)
    found = f"EXISTS (SELECT FROM {target.table} AS {inner} WHERE {' AND '.join(conditions)})"
    if not apart:
        return found
    statement.joined = joined
    return f"({found} IS TRUE)"


def _present(value: Value) -> list[tuple[str, Value]]:
    """The fields of a filter, none of which may be null: null is no condition, and never "everything"."""
    return [(name, _filled(inner)) for name, inner in _filled(value).fields()]


def _filled(value: Value) -> Value:
    if value.is_null:
        raise ArgumentInvalid(
            f"`{value.path[-1]}` is null: leave it out, or use `isNull` to find rows without a value.",
            value.path,
        )
    return value
