"""The rows that a filter finds, by their keys, held for the caller who is about to change them."""

from gql.planner.plan import Plan
from gql.planner.statement import CompileEnv, Statement
from gql.planner.values import Value
from gql.planner.where import compile_where


def compile_keys(env: CompileEnv, type_name: str, where: Value, limit: int) -> Plan:
    """The statement for the keys of at most `limit` visible rows that fit, in the order of the keys.

    `SELECT task$1.id FROM tasks AS task$1 WHERE task$1.status = $1::text ORDER BY task$1.id LIMIT 11
    FOR NO KEY UPDATE OF task$1`
    """
    statement = Statement(env)
    table = env.catalog.types[type_name]
    alias = statement.alias(table.label)
    conditions = [*statement.visible(table, alias), *compile_where(statement, table, alias, where)]
    key = f"{alias}.{table.keys[0].columns[0].name}"
    sql = (
        f"SELECT {key} FROM {table.table} AS {alias} WHERE {' AND '.join(conditions) or 'true'}"
        f" ORDER BY {key} LIMIT {limit} FOR NO KEY UPDATE OF {alias}"
    )
    return Plan((), sql, tuple(statement.parameters), statement.by_viewer)
