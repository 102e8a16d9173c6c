"""The general executor, which lets JSON pass that PostgreSQL has already made."""

from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.pyutils import Path
from orjson import Fragment
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gql.loaders import Execution


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


def planned_root_field(root: Execution, info: GraphQLResolveInfo[Any], **_: object) -> Fragment | None:
    """The resolver of every root field that reads tables: the statement has already run."""
    return root.fragments[str(info.path.key)]
