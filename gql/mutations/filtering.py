"""Rows that a mutation by filter is about to touch."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    GraphQLInputType,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_nullable_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from graphql.language import Visitor, visit

from gql.compat.strawberry_graphql import raw_info
from gql.execution.runner import bind, domain_error
from gql.mutations.action import Info
from gql.mutations.inputs import Given
from gql.planner.errors import PlanError
from gql.planner.lock_keys import compile_keys
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables, from_variable
from gql.types.types import CATALOG
from services.core.errors import BadInput
from services.writing.action import Transaction
from services.writing.rows import Key
from services.writing.table_actions import Find

MOST_ROWS: Final = 500
"""Rows that one mutation by filter touches."""


_ANY_ROW: Final = frozenset({"some", "none"})
"""Conditions on the rows of a list that say something when they are empty: there is one, or there is none."""

_NEGATIONS: Final = frozenset({"not", "none", "every"})
"""Conditions that fit more rows, the fewer fit what they hold."""

_NOTHING: Final[Mapping[str, tuple[Any, ...]]] = {
    "notIn": ([],),
    "contains": ("", {}, []),
    "startsWith": ("",),
}
"""Operands with which an operator fits every value."""

_ALL: Final = "to mean all rows, write `{id: {isNull: false}}`"


def require_conditions(info: Info, given: Given) -> None:
    """Return when each condition of `given["where"]` says something.

    The specification drops a field whose variable is absent, and clients drop what is undefined. What is
    left, `{id: {}}`, would match every row: that is no harm to a query, but here rows change or go. The same
    holds for a list or a text that turned out to be empty: `{id: {notIn: []}}`, `{name: {contains: ""}}`.

    Raises: BadInput where one says nothing.
    """
    raw = raw_info(info)
    for node in raw.field_nodes:
        for argument in node.arguments or ():
            _require_variables(argument.value, info.variable_values)
    (argument,) = raw.parent_type.fields[raw.field_name].args.values()
    where = get_nullable_type(argument.type).fields["where"].type
    _require_conditions(given["where"], where, "input.where")


class _Absent(Visitor):
    """Finds the variables of a value that the request does not give."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.variables = variables
        self.names: list[str] = []

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """A variable with a default counts as given."""
        if node.name.value not in self.variables:
            self.names.append(node.name.value)


def _require_variables(value: ValueNode, variables: Mapping[str, Any]) -> None:
    fields = value.fields if isinstance(value, ObjectValueNode) else ()
    for field in fields:
        if field.name.value != "where":
            continue
        absent = _Absent(variables)
        visit(field.value, absent)
        if absent.names:
            raise BadInput(
                f"Give the variable `${absent.names[0]}`: without it the condition would be left out.",
                field="input.where",
            )


def _require_conditions(
    value: Any, given_type: GraphQLInputType, field: str, *, is_negated: bool = False
) -> None:
    kind = get_nullable_type(given_type)
    if value is None:  # the planner refuses it
        return
    if is_list_type(kind) and is_input_object_type(get_nullable_type(kind.of_type)):
        if not value:
            raise BadInput(f"This list of conditions is empty; {_ALL}.", field=field)
        for place, item in enumerate(value):
            _require_conditions(item, kind.of_type, f"{field}.{place}", is_negated=is_negated)
    elif is_input_object_type(kind):
        # `path: {at: [...]}` says where to look and not what for.
        if all(is_non_null_type(kind.fields[name].type) for name in value):
            raise BadInput(f"This condition is empty and would match every row; {_ALL}.", field=field)
        for name, item in value.items():
            if item in _NOTHING.get(name, ()) or (is_negated and name == "in" and item == []):
                raise BadInput(
                    f"`{name}` with nothing in it would match every row; {_ALL}.", field=f"{field}.{name}"
                )
            if not (name in _ANY_ROW and item == {}):
                _require_conditions(
                    item,
                    kind.fields[name].type,
                    f"{field}.{name}",
                    is_negated=is_negated or name in _NEGATIONS,
                )


def matching(type_name: str, given: Given) -> Find:
    """Finds the rows that fit `given["where"]`; see `_matching_keys`."""
    return lambda transaction: _matching_keys(transaction, type_name, given)


async def _matching_keys(transaction: Transaction, type_name: str, given: Given) -> list[Key]:
    """The keys of the rows that fit `given["where"]`, held until the commit.

    `BadInput` when more of them fit than `given["atMost"]`, which is 1 unless it is given.
    """
    most = 1 if given.get("atMost") is None else given["atMost"]
    if not 1 <= most <= MOST_ROWS:
        raise BadInput(f"`atMost` goes from 1 to {MOST_ROWS}.", field="input.atMost")
    variables = {"where": given["where"]}
    observed = ObservedVariables(variables)
    where = from_variable(observed, "where", ("input", "where"))
    env = CompileEnv(CATALOG, observed, is_admin=transaction.principal.is_admin)
    try:
        plan = compile_keys(env, type_name, where, most + 1)
    except PlanError as error:
        raise domain_error(error) from None
    parameters = bind(plan, transaction.principal.viewer, variables)
    found = await transaction.connection.exec_driver_sql(plan.sql, tuple(parameters))
    keys: list[Key] = list(found.scalars())
    if len(keys) > most:
        raise BadInput(
            f"More than {most} rows match: narrow `where`, or raise `atMost`.", field="input.atMost"
        )
    return keys
