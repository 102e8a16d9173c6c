"""The door to the API for every transport: a request in, the bytes of the response out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
)
from orjson import Fragment
from strawberry import Schema

from gql.compat.graphql_core import VariableValues, get_argument_values
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
from gql.execution.joined_reads import JoinedReads
from gql.execution.large_requests import LARGE_DOCUMENT, LARGE_REQUEST, LargeRequests
from gql.execution.loaders import Execution
from gql.execution.mutations import Run
from gql.execution.payloads import payload_of
from gql.execution.prepared import (
    Prepared,
    PreparedMutation,
    PreparedQuery,
    PreparedSubscription,
    Refused,
)
from gql.execution.runner import bind, domain_error
from gql.execution.single_flight import key_of
from gql.planner.catalog import Catalog
from gql.planner.errors import PlanError
from gql.planner.selection import collect
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables
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
from models.policy import Viewer
from services.core.batching import Batcher
from services.core.cache import BoundedCache
from services.core.errors import BadInput, DomainError
from services.core.json_codec import write_stored
from services.core.principal import Principal

_WRONG_TRANSPORT = BadInput("Subscriptions run over WebSocket or Server-Sent Events.", field="query")

NO_VIEWER = Viewer(0)
"""In whose place `Plan.for_viewer` puts the one who asks."""


MOST_REQUESTS = 1_000
MOST_BYTES = 1_000_000
LONGEST_BODY = 10_000
"""Requests that are known when they come again byte for byte, the bytes of all their bodies, and of one."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """One GraphQL request as a transport received it, in `size` bytes.

    `body` are the bytes by which the same request is known again; None where that is not to be.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    size: int = 0
    body: bytes | None = field(default=None, repr=False)


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
    """Prepares operations of one schema, and runs them.

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
        # It says nothing about who asked but the kind: the same body means the same to all of a kind.
        self._known: BoundedCache[tuple[bool, bytes], PreparedQuery | PreparedSubscription] = BoundedCache(
            MOST_REQUESTS, size=MOST_BYTES, size_of=lambda key, _: len(key[1])
        )
        self._shared = Batcher() if share_reads else None
        self._joined = JoinedReads(joins=share_reads)

    def recall(self, body: bytes, context: Context) -> Prepared | None:
        """The request prepared when the same body came before, over any transport; None for a new one."""
        if context.principal is None:
            return None
        return self._known.get((context.principal.is_admin, body))

    async def prepare(self, request: OperationRequest, context: Context) -> Prepared:
        """Look at everything that can be wrong before anything runs.

        At once, or in a thread where it takes long; what may be sent without a token is small.
        """
        principal = context.principal
        if principal is None:
            return self._prepare(request, None)
        if not self._is_large(request):
            prepared = self._prepare(request, principal)
        else:
            try:
                prepared = await self._large.do(principal.user_id, self._prepare, request, principal)
            except DomainError as error:
                return Refused(error)
        body = None if request.body is None or len(request.body) > LONGEST_BODY else request.body
        # A mutation is not kept: its variables may be secrets, and it seldom comes again.
        if body is not None and isinstance(prepared, PreparedQuery | PreparedSubscription):
            self._known[principal.is_admin, body] = prepared
        return prepared

    async def execute(self, request: OperationRequest, context: Context) -> OperationResult:
        """The response to a query or mutation; errors are in it, nothing is raised for a bad request."""
        return await self.run(await self.prepare(request, context), context)

    async def run(self, prepared: Prepared, context: Context) -> OperationResult:
        """The same for what is prepared, as a caller of the same kind: an administrator, or another one."""
        match prepared:
            case PreparedQuery():
                return await self._run_query(prepared, context)
            case PreparedMutation():
                return await self._run_generally(prepared, context)
            case PreparedSubscription() | Refused(kind=OperationType.SUBSCRIPTION):
                return _refusal([format_error(_WRONG_TRANSPORT)])
            case Refused(error=error):
                return _refusal(refused(error, anonymous=context.principal is None))

    def _is_large(self, request: OperationRequest) -> bool:
        if request.size > LARGE_REQUEST:
            return True
        return len(request.query) > LARGE_DOCUMENT and request.query not in self.preparation.documents

    def _prepare(self, request: OperationRequest, principal: Principal | None) -> Prepared:
        kind = None
        try:
            operation = self.preparation.operation(
                request.query, request.operation_name, anonymous=principal is None
            )
            kind = operation.kind
            variables = operation.variables(self.schema, request.variables)
            cost = check_cost(operation.measure, variables.coerced, self.limits)
            extensions = {"cost": cost} if request.extensions and request.extensions.get("cost") else None
            is_admin = principal is not None and principal.is_admin
            match kind:
                case OperationType.QUERY:
                    return self._prepare_query(operation, variables, extensions, is_admin=is_admin)
                case OperationType.MUTATION:
                    execution = Execution(self.catalog, operation, variables.coerced)
                    payload = payload_of(self.schema, execution, is_admin=is_admin)
                    payload.check(variables.coerced)
                    return PreparedMutation(operation, variables, extensions, payload)
                case OperationType.SUBSCRIPTION:
                    return self._prepare_subscription(request, operation, variables, is_admin=is_admin)
        except Exception as error:
            return Refused(error, kind)

    def _prepare_query(
        self,
        operation: Operation,
        variables: VariableValues,
        extensions: Mapping[str, Any] | None,
        *,
        is_admin: bool,
    ) -> PreparedQuery:
        try:
            planned = operation.root_plan(self.catalog, variables.coerced, is_admin=is_admin)
        except PlanError as error:
            raise domain_error(error) from None
        return PreparedQuery(operation, variables, extensions, planned, _parameters(planned, variables))

    def _prepare_subscription(
        self, request: OperationRequest, operation: Operation, variables: VariableValues, *, is_admin: bool
    ) -> PreparedSubscription:
        observed = ObservedVariables(variables.coerced)
        env = CompileEnv(self.catalog, observed, operation.fragments, is_admin)
        try:
            selected = collect([operation.node.selection_set], env, (), "Subscription")
            if len(selected) != 1:
                raise BadInput("Select exactly one field of Subscription.", field="query")
            (root,) = selected
            definition = self.schema.get_field(_subscription_type(self.schema), root.name)
            live = None
            if definition is not None and get_named_type(definition.type) is self.schema.query_type:
                live = operation.live_plan(self.catalog, variables.coerced, is_admin=is_admin)
        except PlanError as error:
            raise domain_error(error) from None
        return PreparedSubscription(
            operation,
            variables,
            root,
            {} if definition is None else get_argument_values(definition, root.nodes[0], variables),
            live,
            () if live is None else _parameters(live, variables),
            (request.query, request.operation_name),
        )

    async def _run_query(self, prepared: PreparedQuery, context: Context) -> OperationResult:
        try:
            texts = await self._read(prepared, context)
        except Exception as error:
            return _result({"data": None}, [format_error(error)])
        heads = prepared.planned.heads
        if self._prepared and heads is not None:
            return OperationResult(_response(assemble(heads, texts), prepared.extensions))
        keys = prepared.planned.plan.keys if prepared.planned.plan else ()
        fragments = {
            key: None if text is None else Fragment(text) for key, text in zip(keys, texts, strict=True)
        }
        return await self._run_generally(prepared, context, fragments)

    async def _read(self, prepared: PreparedQuery, context: Context) -> Sequence[str | None]:
        plan = prepared.planned.plan
        if plan is None:
            return ()
        person = context.require_principal().user_id
        parameters = plan.for_viewer(person, prepared.parameters)
        read = partial(self._joined.read, plan, context.database, person, parameters)
        if self._shared is None:
            return await read()
        # By person: those who share a statement share its wait for the person's turn.
        return await self._shared.share((person, key_of(plan.sql, parameters)), read)

    async def _run_generally(
        self,
        prepared: PreparedQuery | PreparedMutation,
        context: Context,
        fragments: Mapping[str, Fragment | None] | None = None,
    ) -> OperationResult:
        operation, variables = prepared.operation, prepared.variables
        execution = Execution(self.catalog, operation, variables.coerced, fragments or {})
        hide_suggestions = not self.preparation.introspection
        direct = prepared.payload.direct if isinstance(prepared, PreparedMutation) else None
        if self._prepared and direct is not None:
            executed = await Run(self.schema, execution, variables, context, hide_suggestions).answer(direct)
        else:
            result = execute_prepared(
                self.schema, operation, variables, execution, context, hide_suggestions=hide_suggestions
            )
            executed = result if isinstance(result, ExecutionResult) else await result
        response: dict[str, Any] = {"data": executed.data}
        if prepared.extensions:
            response["extensions"] = prepared.extensions
        errors = executed.errors or []
        told = without_details(errors) if context.principal is None else errors
        return _result(response, format_execution_errors(told))


def refused(error: Exception, *, anonymous: bool = False) -> list[FormattedError]:
    """The errors of a request that was refused before anything ran; anonymous callers learn no names."""
    if isinstance(error, InvalidDocument):
        told = without_details(error.errors) if anonymous and error.parsed else error.errors
        return format_request_errors(told, VALIDATION_FAILED if error.parsed else PARSE_FAILED)
    if isinstance(error, InvalidVariables):
        told = [GraphQLError(NO_DETAILS)] if anonymous else error.errors
        return format_request_errors(told, BAD_USER_INPUT)
    return [format_error(error)]


def _subscription_type(schema: GraphQLSchema) -> GraphQLObjectType:
    if schema.subscription_type is None:
        raise TypeError("the schema has no subscriptions")
    return schema.subscription_type


def _parameters(planned: RootPlan, variables: VariableValues) -> Sequence[object]:
    """The statement's parameters for some viewer.

    Raises: BadInput and CursorInvalid for an argument that does not fit.
    """
    return () if planned.plan is None else bind(planned.plan, NO_VIEWER, variables.coerced)


def _response(data: bytes, extensions: Mapping[str, Any] | None) -> bytes:
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
