"""The door to the API for every transport: a request in, the bytes of the response out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import orjson
from graphql import ExecutionResult, GraphQLError, OperationType
from orjson import Fragment
from strawberry import Schema

from gql.compat.graphql_core import VariableValues
from gql.compat.strawberry_graphql import core_schema
from gql.context import Context
from gql.errors import (
    BAD_USER_INPUT,
    PARSE_FAILED,
    VALIDATION_FAILED,
    FormattedError,
    format_error,
    format_execution_errors,
    format_request_errors,
)
from gql.execution.executor import execute_prepared
from gql.execution.large_requests import LARGE_DOCUMENT, LARGE_REQUEST, LargeRequests
from gql.execution.loaders import Execution
from gql.execution.mutations import Run
from gql.execution.payloads import Payload, payload_of
from gql.execution.runner import bind, domain_error, run
from gql.execution.single_flight import SharedReads, key_of
from gql.planner.catalog import Catalog
from gql.planner.errors import PlanError
from gql.planner.plan import Plan
from gql.request.anonymous import NO_DETAILS, without_details
from gql.request.limits import Limits, check_cost
from gql.request.preparation import (
    InvalidDocument,
    InvalidVariables,
    Operation,
    Preparation,
    RootPlan,
    assemble,
)
from services.core.database import Database
from services.core.errors import BadInput, DomainError
from services.core.json_codec import write_stored

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """One GraphQL request as a transport received it, in `size` bytes. `allow_mutation` is False for GET.

    `queries` is what was worked out of it where it is a query, for administrators and for others: a transport
    that keeps a request which comes again and again saves that work.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    allow_mutation: bool = True
    size: int = 0
    queries: "dict[bool, _Ready]" = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The complete JSON of a response and the codes of its errors.

    `executed` is False when the operation was refused before it ran: the response has no `data` then.
    `answered` is False when it ran and not one of its fields has a value.
    """

    body: bytes
    errors: tuple[str, ...] = ()
    executed: bool = True
    answered: bool = True


class Api:
    """Runs operations against one schema.

    A query whose root fields all read tables takes the prepared path: one statement, whose texts are the
    response. So does a mutation of one field (gql/execution/mutations.py). Everything else goes through the
    general executor, with the same plans for its table fields. `prepared=False` sends everything there. With
    `share_reads` equal queries of the same moment share a statement.
    """

    def __init__(
        self,
        schema: Schema,
        catalog: Catalog,
        limits: Limits | None = None,
        *,
        introspection: bool = True,
        prepared: bool = True,
        share_reads: bool = True,
    ) -> None:
        self.schema = core_schema(schema)
        self.catalog = catalog
        self.limits = limits or Limits()
        self.preparation = Preparation(self.schema, self.limits, introspection)
        self._prepared = prepared
        self._large = LargeRequests()
        self._shared: SharedReads[Sequence[str | None]] | None = SharedReads() if share_reads else None

    async def execute(self, request: OperationRequest, context: Context) -> OperationResult:
        """The response to a query or mutation; errors are in it, nothing is raised for a bad request."""
        try:
            ready = await self.understand(request, context, self._make_ready)
        except Exception as error:
            return _refusal(refused(error, by_stranger=context.principal is None))
        try:
            texts = await self._read(ready, context)
        except Exception as error:
            return _result({"data": None}, [format_error(error)])
        if self._prepared and ready.planned is not None and ready.planned.heads is not None:
            return OperationResult(_response(assemble(ready.planned.heads, texts), ready.extensions))
        return await self._run_generally(ready, texts, context)

    async def is_mutation(self, request: OperationRequest, context: Context) -> bool:
        """Whether the request would run a mutation; False also when it would not run at all."""
        return await self.understand(request, context, self._kind) is OperationType.MUTATION

    async def is_subscription(self, request: OperationRequest, context: Context) -> bool:
        """Whether the request would run a subscription; False also when it would not run at all."""
        return await self.understand(request, context, self._kind) is OperationType.SUBSCRIPTION

    async def understand(
        self,
        request: OperationRequest,
        context: Context,
        read: Callable[[OperationRequest, Context], Result],
    ) -> Result:
        """What `read` makes of the request: at once, or in a thread where it takes long.

        What a stranger may send is small.
        """
        if context.principal is None or not self._is_large(request):
            return read(request, context)
        return await self._large.do(context.principal.user_id, read, request, context)

    def _is_large(self, request: OperationRequest) -> bool:
        if request.size > LARGE_REQUEST:
            return True
        return len(request.query) > LARGE_DOCUMENT and request.query not in self.preparation.documents

    def _kind(self, request: OperationRequest, context: Context) -> OperationType | None:
        try:
            return self.preparation.operation(request.query, request.operation_name).kind
        except (InvalidDocument, DomainError):
            return None

    def _make_ready(self, request: OperationRequest, context: Context) -> "_Ready":
        """Everything that can go wrong before anything runs."""
        principal = context.principal
        known = request.queries.get(principal.is_admin) if principal is not None else None
        if known is not None:
            return known
        operation = self.preparation.operation(
            request.query, request.operation_name, by_stranger=principal is None
        )
        _refuse_wrong_kind(operation, request)
        hide_suggestions = not self.preparation.introspection
        values = operation.variables(self.schema, request.variables, hide_suggestions=hide_suggestions)
        variables = values.coerced
        cost = check_cost(operation.measure, variables, self.limits)
        extensions = {"cost": cost} if request.extensions and request.extensions.get("cost") else None
        ready = _Ready(operation, values, extensions)
        is_admin = principal is not None and principal.is_admin
        if operation.kind is OperationType.QUERY:
            try:
                ready.planned = operation.root_plan(self.catalog, variables, is_admin=is_admin)
            except PlanError as error:
                raise domain_error(error) from None
            if ready.planned.plan is not None:
                ready.values = bind(ready.planned.plan, context.require_principal().viewer, variables)
            if principal is not None:
                request.queries[is_admin] = ready
        else:
            ready.payload = payload_of(self.schema, ready.execution(self.catalog), is_admin=is_admin)
            ready.payload.check(variables)
        return ready

    async def _read(self, ready: "_Ready", context: Context) -> Sequence[str | None]:
        if ready.planned is None or ready.planned.plan is None:
            return ()
        plan = ready.planned.plan
        parameters = plan.for_viewer(context.require_principal().user_id, ready.values)
        person = context.require_principal().user_id
        read = partial(_read_in_turn, plan, context.database, person, parameters)
        if self._shared is None:
            return await read()
        # By person: those who share a statement share its wait for the person's turn.
        return await self._shared.get((person, key_of(plan.sql, parameters)), read)

    async def _run_generally(
        self, ready: "_Ready", texts: Sequence[str | None], context: Context
    ) -> OperationResult:
        keys = ready.planned.plan.keys if ready.planned is not None and ready.planned.plan else ()
        fragments = {
            key: None if text is None else Fragment(text) for key, text in zip(keys, texts, strict=True)
        }
        execution = ready.execution(self.catalog, fragments)
        hide_suggestions = not self.preparation.introspection
        if self._prepared and ready.payload is not None and ready.payload.direct is not None:
            run = Run(self.schema, execution, ready.variables, context, hide_suggestions)
            executed = await run.answer(ready.payload.direct)
        else:
            result = execute_prepared(
                self.schema,
                ready.operation,
                ready.variables,
                execution,
                context,
                hide_suggestions=hide_suggestions,
            )
            executed = result if isinstance(result, ExecutionResult) else await result
        response: dict[str, Any] = {"data": executed.data}
        if ready.extensions:
            response["extensions"] = ready.extensions
        errors = executed.errors or []
        told = without_details(errors) if context.principal is None else errors
        return _result(response, format_execution_errors(told))


async def _read_in_turn(
    plan: Plan, database: Database, person: int, parameters: Sequence[object]
) -> Sequence[str | None]:
    async with database.reading.of(person):
        return await run(plan, database.reader, parameters)


@dataclass(slots=True)
class _Ready:
    """An operation of which nothing but running it is left; `values` are the parameters for some viewer."""

    operation: Operation
    variables: VariableValues
    extensions: dict[str, Any] | None
    planned: RootPlan | None = None
    values: Sequence[object] = ()
    payload: Payload | None = None

    def execution(
        self, catalog: Catalog, fragments: Mapping[str, Fragment | None] | None = None
    ) -> Execution:
        """The root value for the general executor."""
        return Execution(catalog, self.operation, self.variables.coerced, fragments or {})


def refused(error: Exception, *, by_stranger: bool = False) -> list[FormattedError]:
    """The errors of a request that was refused before anything ran; a stranger learns no name from them."""
    if isinstance(error, InvalidDocument):
        told = without_details(error.errors) if by_stranger and error.parsed else error.errors
        return format_request_errors(told, VALIDATION_FAILED if error.parsed else PARSE_FAILED)
    if isinstance(error, InvalidVariables):
        told = [GraphQLError(NO_DETAILS)] if by_stranger else error.errors
        return format_request_errors(told, BAD_USER_INPUT)
    return [format_error(error)]


def _refuse_wrong_kind(operation: Operation, request: OperationRequest) -> None:
    if operation.kind is OperationType.SUBSCRIPTION:
        raise BadInput("Subscriptions run over WebSocket or Server-Sent Events.", field="query")
    if operation.kind is OperationType.MUTATION and not request.allow_mutation:
        raise BadInput("Send mutations with POST.", field="query")


def _response(data: bytes, extensions: dict[str, Any] | None) -> bytes:
    more = b"" if extensions is None else b',"extensions":' + orjson.dumps(extensions)
    return b'{"data":' + data + more + b"}"


def _refusal(errors: list[FormattedError]) -> OperationResult:
    return OperationResult(orjson.dumps({"errors": errors}), _codes(errors), executed=False)


def _result(response: dict[str, Any], errors: list[FormattedError]) -> OperationResult:
    if errors:
        response = {"errors": errors, **response}
    values = (response.get("data") or {}).values()
    answered = not errors or any(value is not None for value in values)
    return OperationResult(write_stored(response), _codes(errors), answered=answered)


def _codes(errors: list[FormattedError]) -> tuple[str, ...]:
    return tuple(str(error["extensions"]["code"]) for error in errors)
