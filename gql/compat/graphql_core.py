"""Parts of graphql-core beyond `from graphql import ...`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.execute import execute_root_selection_set
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_argument_values,
    get_variable_values,
)
from graphql.pyutils import Path, is_awaitable
from graphql.utilities.coerce_input_value import coerce_default_value
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError

__all__ = [
    "GraphQLVariableSignature",
    "Path",
    "VariableValueSource",
    "VariableValues",
    "bound_merging",
    "coerce_default_value",
    "execute_with_variables",
    "get_argument_values",
    "get_variable_signature",
    "get_variable_values",
    "parsing_gave_up",
    "resolve_info",
    "response_path",
    "validation_gave_up",
]


def execute_with_variables(
    executor: Callable[..., Any],
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    root: object,
    context: object,
    *,
    hide_suggestions: bool,
) -> Awaitable[ExecutionResult] | ExecutionResult:
    """Run an operation whose variables have been coerced, which `graphql.execute` would do once more."""
    return execute_root_selection_set(
        executor(
            schema,
            dict(fragments),
            {name: FragmentDetails(node) for name, node in fragments.items()},
            root,
            context,
            operation,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            hide_suggestions=hide_suggestions,
        )
    )


def resolve_info(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    root: object,
    context: object,
    *,
    name: str,
    nodes: list[FieldNode],
    kind: GraphQLOutputType,
    parent: GraphQLObjectType,
    path: Path,
) -> GraphQLResolveInfo[Any]:
    """The information that the executor would give a resolver of `parent`; `kind` is the field's type."""
    return GraphQLResolveInfo(
        field_name=name,
        field_nodes=nodes,
        return_type=kind,
        parent_type=parent,
        path=path,
        schema=schema,
        fragments=dict(fragments),
        root_value=root,
        operation=operation,
        variable_values=variables,
        context=context,
        is_awaitable=is_awaitable,
        abort_signal=None,
        async_helpers=cast("Any", None),  # nothing of ours uses them
    )


def response_path(keys: tuple[str, ...]) -> Path:
    """The place of a field in the response. Raises: ValueError without a key."""
    path: Path | None = None
    for key in keys:
        path = Path(path, key, None)
    if path is None:
        raise ValueError("a field has a key")
    return path


def bound_merging(comparisons: int) -> None:
    """Let validation compare fields of one name so often at most; by default it may take two seconds."""
    overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = comparisons


def validation_gave_up(error: GraphQLError) -> bool:
    """True if validation ended because it took too much, and not at the limit of errors to be told."""
    return isinstance(error, ValidationAbortedError) and error.message == "Validation aborted."


def parsing_gave_up(error: GraphQLError) -> bool:
    """True if parsing ended at the limit of tokens, or at the deepest nesting."""
    return error.message.endswith("Parsing aborted.")
