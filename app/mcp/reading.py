"""Reads as the caller, through the door that every transport of the API has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import OperationType

from app.admission.request import operation_request
from app.mcp.call import ApiError, Problem, Row
from gql.context import Context
from gql.errors import format_error
from gql.execution.api import Api, OperationRequest
from gql.execution.prepared import Refused
from gql.request.documents import Documents
from services.core.errors import BadInput, DomainError


@dataclass(frozen=True, slots=True)
class Reader:
    """`own` answers the documents of the tools, whatever limits an operator has set; `api` callers' own."""

    own: Api
    api: Api
    documents: Documents
    context: Context

    async def read(self, document: str, **variables: object) -> Row:
        """The fields of `data` of one of our documents.

        Raises: ApiError, such as for a cursor or value that is wrong, or while the database is away.
        """
        request = OperationRequest(document, dict(variables), size=len(document))
        result = await self.own.execute(request, self.context)
        answer = orjson.loads(result.body)
        if result.errors:
            raise _told(answer["errors"][0])
        data: Row = answer["data"]
        return data

    async def query(self, document: str, variables: Mapping[str, Any] | None, operation: str | None) -> bytes:
        """The response to a query of the caller's own: of the server's documents where those are trusted."""
        given = {"query": document, "variables": variables, "operationName": operation}
        size = len(orjson.dumps(given))
        request = operation_request(given, self.documents, remember=True, size=size)
        prepared = await self.api.prepare(request, self.context)
        if prepared.kind is OperationType.MUTATION:
            raise BadInput("This tool runs queries only; use another tool for a change.", field="query")
        if prepared.kind is OperationType.SUBSCRIPTION and not isinstance(prepared, Refused):
            raise BadInput(
                "This tool runs queries only; to follow changes, subscribe to a resource, or query again.",
                field="query",
            )
        return (await self.api.run(prepared, self.context)).body


def problem_of(error: Exception) -> Problem:
    """The error as the caller is told it; an unforeseen one is logged under an id."""
    return error if isinstance(error, DomainError | ApiError) else _told(format_error(error))


def _told(entry: Mapping[str, Any]) -> ApiError:
    extensions = dict(entry["extensions"])
    code, field = str(extensions.pop("code")), extensions.pop("field", None)
    return ApiError(str(entry["message"]), code, field, extensions)
