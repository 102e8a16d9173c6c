"""The general executor, which lets JSON pass that PostgreSQL has already made."""

from collections.abc import Awaitable
from typing import Any

from graphql import ExecutionResult, GraphQLOutputType, GraphQLResolveInfo, GraphQLSchema
from orjson import Fragment

from gql.compat.graphql_core import Path, VariableValues, execute_with_variables
from gql.compat.strawberry_graphql import StrawberryGraphQLCoreExecutionContext
from gql.context import Context
from gql.execution.loaders import Execution
from gql.request.preparation import Operation


class FragmentExecutor(StrawberryGraphQLCoreExecutionContext):
    """Takes a `Fragment` for the completed value of any field: its selection was planned and is in it."""

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The value as it is, or completed by its type."""
        if type(result) is Fragment:
            return result
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)


def execute_prepared(
    schema: GraphQLSchema,
    operation: Operation,
    variables: VariableValues,
    root: Execution,
    context: Context,
    *,
    hide_suggestions: bool,
) -> Awaitable[ExecutionResult] | ExecutionResult:
    """Run an operation whose variables have been coerced."""
    return execute_with_variables(
        FragmentExecutor,
        schema,
        operation.node,
        operation.fragments,
        variables,
        root,
        context,
        hide_suggestions=hide_suggestions,
    )


def planned_root_field(root: Execution, info: GraphQLResolveInfo[Any], **_: object) -> Fragment | None:
    """The resolver of every root field that reads tables: the statement has already run."""
    return root.fragments[str(info.path.key)]
