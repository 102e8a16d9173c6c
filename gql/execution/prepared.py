"""Prepared operations, immutable: everything that can be wrong with them has been looked at."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import OperationType

from gql.compat.graphql_core import VariableValues
from gql.execution.payloads import Payload
from gql.planner.selection import Field
from gql.request.preparation import Operation, RootPlan


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query with its plan; `parameters` are those of its statement for some viewer.

    `extensions` are those of the response, None for none.
    """

    operation: Operation
    variables: VariableValues
    extensions: Mapping[str, Any] | None
    planned: RootPlan
    parameters: Sequence[object]

    @property
    def kind(self) -> OperationType:
        """Query."""
        return OperationType.QUERY


@dataclass(frozen=True, slots=True)
class PreparedMutation:
    """A mutation, and what is known of its payload."""

    operation: Operation
    variables: VariableValues
    extensions: Mapping[str, Any] | None
    payload: Payload

    @property
    def kind(self) -> OperationType:
        """Mutation."""
        return OperationType.MUTATION


@dataclass(frozen=True, slots=True)
class PreparedSubscription:
    """A subscription with its one field and the arguments of that.

    `live` is the plan of a field whose type is Query, and `parameters` are as those of a query. `asked` is
    the document and the name of its operation.
    """

    operation: Operation
    variables: VariableValues
    root: Field
    arguments: Mapping[str, Any]
    live: RootPlan | None
    parameters: Sequence[object]
    asked: Hashable

    @property
    def kind(self) -> OperationType:
        """Subscription."""
        return OperationType.SUBSCRIPTION


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that cannot run. `kind` is None when the document does not even tell what it would be."""

    error: Exception
    kind: OperationType | None = None


Prepared: TypeAlias = PreparedQuery | PreparedMutation | PreparedSubscription | Refused
