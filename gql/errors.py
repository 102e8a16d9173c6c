"""Whatever goes wrong becomes an entry of `errors` here, and only here; the codes are in docs/errors.md."""

import secrets
import traceback
from collections.abc import Iterable
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from services.core.database_errors import translate
from services.core.errors import DomainError, ServiceUnavailable

log = structlog.get_logger(__name__)

FormattedError = dict[str, Any]
"""One entry of `errors`: message, locations, path, and extensions with `code` and perhaps `field`."""

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTERNAL = "INTERNAL_SERVER_ERROR"


def format_request_errors(errors: Iterable[GraphQLError], code: str) -> list[FormattedError]:
    """Errors found before execution; `code` names the stage unless an error brings its own."""
    return [_formatted(error, _domain_error(error), code) for error in errors]


def format_execution_errors(errors: Iterable[GraphQLError]) -> list[FormattedError]:
    """Errors raised while fields ran; what was not foreseen is logged under an id and says no more."""
    return [_execution_error(error) for error in errors]


def format_error(error: Exception) -> FormattedError:
    """One exception from outside the executor, as a transport or a subscription meets it."""
    if isinstance(error, GraphQLError):
        return _execution_error(error)
    return _execution_error(GraphQLError(str(error), original_error=error))


def format_ending(error: Exception, cursor: str | None) -> FormattedError:
    """The error by which a subscription ended, with the cursor at which to resume, if there is one."""
    entry = format_error(error)
    if cursor is not None:
        entry["extensions"]["cursor"] = cursor
    return entry


def _execution_error(error: GraphQLError) -> FormattedError:
    if isinstance(error, GraphQLSyntaxError):
        return _formatted(error, None, PARSE_FAILED)
    original = _original(error)
    if original is None:
        # graphql-core itself speaks here: an argument that does not fit its type.
        return _formatted(error, None, BAD_USER_INPUT)
    domain_error = _domain_error(error) or translate(original)
    if domain_error is not None:
        if isinstance(domain_error, ServiceUnavailable):
            log.warning("database_away", path=error.path, exception=type(original).__qualname__)
        return _formatted(error, domain_error, domain_error.code)
    return _internal(error, original)


def _formatted(error: GraphQLError, domain_error: DomainError | None, code: str) -> FormattedError:
    formatted: FormattedError = {"message": error.message}
    if error.locations:
        formatted["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    if domain_error is None:
        formatted["extensions"] = {"code": code}
        return formatted
    formatted["message"] = domain_error.message
    extensions = {"code": domain_error.code, **domain_error.details}
    if domain_error.field is not None:
        extensions["field"] = domain_error.field
    formatted["extensions"] = extensions
    return formatted


def _internal(error: GraphQLError, original: Exception) -> FormattedError:
    error_id = secrets.token_hex(8)
    # The exception's own text may quote values of a row or a token, so the log has its type and frames.
    frames = traceback.extract_tb(original.__traceback__)
    log.error(
        "internal_error",
        error_id=error_id,
        path=error.path,
        exception=type(original).__qualname__,
        sqlstate=getattr(original, "sqlstate", None),
        frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )
    formatted = _formatted(error, None, INTERNAL)
    formatted["message"] = f"Something went wrong on the server. Report the id {error_id} to the operator."
    formatted["extensions"]["id"] = error_id
    return formatted


def _original(error: GraphQLError) -> Exception | None:
    """The exception at the bottom of nested GraphQLErrors; None when graphql-core raised it itself."""
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original


def _domain_error(error: GraphQLError) -> DomainError | None:
    original = _original(error)
    return original if isinstance(original, DomainError) else None
