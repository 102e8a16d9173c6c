"""Admits operations of callers who have not logged in: the mutations that log in, and nothing else."""

from collections.abc import Iterable, Sequence

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType

from services.core.errors import Unauthenticated

OPEN_MUTATIONS = frozenset({"login", "refreshToken"})
"""`refreshToken` brings a token of its own; the access token has expired by then."""

ANONYMOUS_TOKENS = 500
"""Lexical tokens of a document that is parsed for a caller who has not logged in."""

NO_DETAILS = (
    "The document or its variables are not valid; send them with an access token to be told what is wrong."
)


def require_public_operation(operations: Iterable[OperationDefinitionNode]) -> None:
    """Check that operations need no token.

    It looks at the document as it was parsed, before validation takes time over it. Raises: Unauthenticated
    for any operation that is not one of the open mutations, and where there is none.
    """
    found = list(operations)
    if not found or not all(_is_open(operation) for operation in found):
        raise Unauthenticated(
            "Send an access token in the header `Authorization: Bearer ...`; the mutation `login` gives one."
        )


def _is_open(operation: OperationDefinitionNode) -> bool:
    selections = operation.selection_set.selections
    return (
        operation.operation is OperationType.MUTATION
        and len(selections) > 0
        and all(
            isinstance(selection, FieldNode)
            and selection.name.value in OPEN_MUTATIONS
            and not selection.directives  # what is skipped is no login
            for selection in selections
        )
    )


def without_details(errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """The errors that a caller without a token is told: none of graphql-core's, which quote the schema.

    Errors of our own are kept: a wrong password, too many attempts.
    """
    kept = [error for error in errors if _is_ours(error)]
    return kept if len(kept) == len(errors) else [*kept, GraphQLError(NO_DETAILS)]


def _is_ours(error: GraphQLError) -> bool:
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original is not None
