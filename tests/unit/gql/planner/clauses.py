"""Compiles one clause at a time, out of the arguments of a list."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from graphql import FieldNode, OperationDefinitionNode, parse

from gql.planner.catalog import TableType, build_catalog
from gql.planner.plan import ViewerId
from gql.planner.selection import Field
from gql.planner.statement import CompileEnv, Statement
from gql.planner.values import ObservedVariables, Value

CATALOG = build_catalog()
VIEWER = "the viewer"

Compile = Callable[[Statement, TableType, str, dict[str, Value]], Any]
"""From a statement, a table, an alias and the arguments to a piece of SQL."""


def asked(arguments: str, selection: str = "__typename") -> Field:
    """The field `list` with arguments and a selection as a document has them."""
    given = f"({arguments})" if arguments else ""
    definition = cast("OperationDefinitionNode", parse(f"{{ list{given} {{ {selection} }} }}").definitions[0])
    node = cast("FieldNode", definition.selection_set.selections[0])
    return Field("list", "list", (node,), ("list",))


def statement(*, is_admin: bool = True, **variables: object) -> Statement:
    """A new statement of an administrator, who needs no predicates, or of another viewer."""
    return Statement(CompileEnv(CATALOG, ObservedVariables(variables), is_admin=is_admin))


def compiled(
    compile_: Compile, table: str, arguments: str, *, is_admin: bool = True, **variables: object
) -> tuple[Any, Sequence[object]]:
    """The piece of SQL for a table whose rows are called `t`, and the values of its parameters."""
    made = statement(is_admin=is_admin, **variables)
    given = asked(arguments).arguments(made.env)
    piece = compile_(made, CATALOG.types[table], "t", given)
    return piece, bound(made, variables)


def bound(made: Statement, variables: dict[str, object]) -> list[object]:
    """What `$1`, `$2`, ... are."""
    return [
        VIEWER if isinstance(parameter, ViewerId) else parameter.bind(variables)
        for parameter in made.parameters
    ]
