"""What runs for a caller who has not logged in: the mutations that log in, and nothing else."""

from collections.abc import Iterable

from graphql import FieldNode, OperationDefinitionNode, OperationType

from services.core.errors import Unauthenticated

OPEN_MUTATIONS = frozenset({"login", "refreshToken"})
"""`refreshToken` brings a token of its own; the access token has expired by then."""


def require_open(operations: Iterable[OperationDefinitionNode]) -> None:
    """Raise `Unauthenticated` for any operation that is not one of the open mutations.

    It looks at the document as it was parsed, before validation takes time over it or tells of the schema.
    """
    if not all(_is_open(operation) for operation in operations):
        raise Unauthenticated(
            "Send an access token in the header `Authorization: Bearer ...`; the mutation `login` gives one."
        )


def _is_open(operation: OperationDefinitionNode) -> bool:
    return operation.operation is OperationType.MUTATION and all(
        isinstance(selection, FieldNode) and selection.name.value in OPEN_MUTATIONS
        for selection in operation.selection_set.selections
    )
