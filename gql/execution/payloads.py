"""Looks at what a mutation's payload selects of tables before the mutation runs.

A bad argument inside a payload would otherwise be found after the change was made and committed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from gql.execution.loaders import Execution
from gql.execution.mutations import DirectMutation, direct_mutation
from gql.execution.runner import domain_error
from gql.planner.compiler import KEYS
from gql.planner.errors import PlanError
from gql.planner.plan import Plan
from gql.planner.selection import Field, collect
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables, Variables

NOBODY = 0


@dataclass(frozen=True, slots=True)
class Payload:
    """The plans of a mutation's payload, for all variables that answer the same.

    `direct` is None where only the general executor can run the mutation.
    """

    plans: tuple[Plan, ...]
    direct: DirectMutation | None

    def check(self, variables: Variables) -> None:
        """Return when the arguments in it fit. BadInput or CursorInvalid else."""
        try:
            for plan in self.plans:
                plan.bind(NOBODY, {**variables, KEYS: []})
        except PlanError as error:
            raise domain_error(error) from None


def payload_of(schema: GraphQLSchema, execution: Execution, *, is_admin: bool) -> Payload:
    """The payload of a mutation, kept with the operation; BadInput for an argument that never fits."""
    operation = execution.operation

    def make(variables: ObservedVariables) -> Payload:
        env = CompileEnv(execution.catalog, variables, operation.fragments, is_admin)
        return _payload(schema, execution, env)

    return operation.derived.get(("payload", is_admin), execution.variables, make).made


def _payload(schema: GraphQLSchema, execution: Execution, env: CompileEnv) -> Payload:
    operation = execution.operation
    root = schema.get_root_type(operation.kind)
    if root is None:
        return Payload((), None)
    try:
        fields = collect([operation.node.selection_set], env, (), root.name)
        plans = tuple(_plans(execution, env, root, fields))
        return Payload(plans, direct_mutation(schema, env, fields))
    except PlanError as error:
        raise domain_error(error) from None


def _plans(
    execution: Execution, env: CompileEnv, parent: GraphQLObjectType, fields: Sequence[Field]
) -> Iterator[Plan]:
    for field in fields:
        definition = parent.fields.get(field.name)
        kind = get_named_type(definition.type) if definition else None
        if not isinstance(kind, GraphQLObjectType):
            continue
        if kind.name in env.catalog.types:
            kept = execution.plan(kind.name, field, is_admin=env.is_admin)
            env.variables.note(kept.observations, kept.answers)
            yield kept.made
        else:
            yield from _plans(execution, env, kind, field.selected(env, kind.name))
