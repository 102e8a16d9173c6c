"""Looks at what a mutation's payload selects of tables before the mutation runs.

A bad argument inside a payload would otherwise be found after the change was made and committed.
"""

from collections.abc import Sequence

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from gql.execution import domain_error
from gql.loaders import Execution
from gql.planner.compiler import KEYS
from gql.planner.errors import PlanError
from gql.planner.selection import Field, collect
from gql.planner.statement import Question

NOBODY = 0


def check_payload(schema: GraphQLSchema, execution: Execution, *, is_admin: bool) -> None:
    """Plan every field of a table's type; BadInput or CursorInvalid for an argument that does not fit."""
    operation = execution.operation
    root = schema.get_root_type(operation.kind)
    if root is None:
        return
    question = Question(execution.catalog, execution.variables, operation.fragments, is_admin)
    try:
        fields = collect([operation.node.selection_set], question, (), root.name)
        _check(execution, question, root, fields)
    except PlanError as error:
        raise domain_error(error) from None


def _check(
    execution: Execution, question: Question, parent: GraphQLObjectType, fields: Sequence[Field]
) -> None:
    for field in fields:
        definition = parent.fields.get(field.name)
        kind = get_named_type(definition.type) if definition else None
        if not isinstance(kind, GraphQLObjectType):
            continue
        if kind.name in question.catalog.types:
            plan = execution.plan(kind.name, field, is_admin=question.is_admin)
            plan.bind(NOBODY, {**execution.variables, KEYS: []})
        else:
            _check(execution, question, kind, field.selected(question, kind.name))
