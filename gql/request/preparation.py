"""Documents made ready to run: parsed, validated and measured once, their plans kept beside them."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import (
    SKIP,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    VisitorAction,
    parse,
    visit,
)

from gql.compat.graphql_core import (
    GraphQLVariableSignature,
    VariableValues,
    VariableValueSource,
    get_variable_signature,
    get_variable_values,
    parsing_gave_up,
)
from gql.planner.catalog import Catalog
from gql.planner.compiler import compile_query, is_table_field
from gql.planner.plan import Plan
from gql.planner.plan_keys import Plans
from gql.planner.selection import Field, collect
from gql.planner.statement import Question
from gql.planner.values import ObservedVariables, Variables
from gql.request.anonymous import STRANGERS_TOKENS, require_open
from gql.request.coercion import Coerce, Coercions, NotCoerced
from gql.request.limits import (
    Limits,
    Measure,
    measure,
    refuse_long_numbers,
    refuse_many_definitions,
    refuse_many_lines,
    refuse_many_parts,
)
from gql.request.nullability import never_null
from gql.request.validation import invalidities
from gql.request.variables import null_errors, variable_errors
from services.core.errors import BadInput, QueryTooComplex

if TYPE_CHECKING:
    from gql.execution.payloads import Payload

MOST_DOCUMENTS = 1_000
MOST_CHARACTERS = 20_000_000
MOST_PLANS = 50
"""Documents that are kept, their text in all, and the plans of each operation."""


class InvalidDocument(Exception):
    """A document that does not parse or validate. `parsed` says which."""

    def __init__(self, errors: list[GraphQLError], *, parsed: bool) -> None:
        super().__init__(errors)
        self.errors = errors
        self.parsed = parsed


class InvalidVariables(Exception):
    """Variables that do not fit their types."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


Heads: TypeAlias = tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class RootPlan:
    """How the root fields of a query are answered.

    `plan` reads all that are tables, None when there are none. `heads` are the response keys of the whole
    response as JSON, with the constant text of a value that no statement is needed for; None when there are
    fields that only the general executor can answer.
    """

    plan: Plan | None
    heads: Heads | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, ready to run."""

    document: DocumentNode
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    measure: Measure
    inputs: Mapping[str, tuple[GraphQLVariableSignature, Coerce | None]]
    """The variables and how they are coerced; None where only the general way knows to follow the type."""
    never_null: frozenset[str] = frozenset()
    """Variables of a nullable type that may not be null where they are used."""
    plans: Plans[RootPlan] = field(default_factory=lambda: Plans(MOST_PLANS))
    row_plans: Plans[Plan] = field(default_factory=lambda: Plans(MOST_PLANS))
    payloads: Plans["Payload"] = field(default_factory=lambda: Plans(MOST_PLANS))

    @property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.node.name.value if self.node.name else None

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    def variables(
        self, schema: GraphQLSchema, given: dict[str, Any] | None, *, hide_suggestions: bool = False
    ) -> VariableValues:
        """The variables, coerced.

        Raises: InvalidVariables when they do not fit, QueryTooComplex for too many parts.
        """
        definitions = self.node.variable_definitions
        if not definitions:
            return VariableValues({}, {})
        if self.never_null:
            errors = null_errors(self.node, self.never_null, given or {})
            if errors:
                raise InvalidVariables(errors)
        plain = self._plain_variables(given or {})
        if plain is not None:
            return plain
        for name, (signature, _) in self.inputs.items():
            refuse_many_parts(signature.type, (given or {}).get(name), name)
        coerced = get_variable_values(schema, definitions, given or {}, max_errors=1)
        if not isinstance(coerced, list):
            return coerced
        types = {name: signature.type for name, (signature, _) in self.inputs.items()}
        try:
            errors = variable_errors(self.node, types, given or {}, hide_suggestions=hide_suggestions)
        except RecursionError:
            errors = []
        raise InvalidVariables(errors or coerced)

    def _plain_variables(self, given: dict[str, Any]) -> VariableValues | None:
        """The coerced variables when all are given, fit, and have a coercion; None otherwise.

        The general way works out the types anew for each request, which takes a fifth of a small query.
        """
        sources, coerced = {}, {}
        try:
            for name, (signature, coerce) in self.inputs.items():
                if coerce is None or name not in given:
                    return None
                sources[name] = VariableValueSource(signature, given[name])
                coerced[name] = coerce(given[name])
        except NotCoerced:
            return None
        return VariableValues(sources, coerced)

    def uses(self, variable: str) -> int:
        """How often the document uses a variable; where it is defined is no use."""
        counter = _UseCounter(variable)
        visit(self.document, counter)
        return counter.found

    def root_plan(self, catalog: Catalog, variables: Variables, *, is_admin: bool) -> RootPlan:
        """The plan of a query for this kind of viewer and variables like these."""

        def make(observed: ObservedVariables) -> RootPlan:
            return plan_root(Question(catalog, observed, self.fragments, is_admin), self.node)

        return self.plans.get(is_admin, variables, make).made


class _UseCounter(Visitor):
    """Counts where a variable stands, in all operations and fragments of a document."""

    def __init__(self, variable: str) -> None:
        super().__init__()
        self.variable = variable
        self.found = 0

    def enter_variable_definition(self, *_: object) -> VisitorAction:
        """A definition is no use."""
        return SKIP

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        """Count it."""
        self.found += node.name.value == self.variable


def assemble(heads: Heads, texts: Sequence[str | None]) -> bytes:
    """The object of the root fields, of texts that PostgreSQL made: nothing in them is looked at."""
    remaining = iter(texts)
    members = (
        head + (constant if constant is not None else (next(remaining) or "null").encode())
        for head, constant in heads
    )
    return b"{" + b",".join(members) + b"}"


def plan_root(question: Question, node: OperationDefinitionNode) -> RootPlan:
    """Plan the root fields of a query."""
    return plan_fields(question, collect([node.selection_set], question, (), "Query"))


def plan_fields(question: Question, fields: Sequence[Field]) -> RootPlan:
    """Plan these fields of Query."""
    tables = [found for found in fields if is_table_field(question.catalog, found.name)]
    plan = compile_query(question, tables) if tables else None
    heads = tuple((b'"%b":' % found.key.encode(), _constant(found)) for found in fields)
    complete = all(found in tables or found.name == "__typename" for found in fields)
    return RootPlan(plan, heads if complete else None)


def _constant(found: Field) -> bytes | None:
    return b'"Query"' if found.name == "__typename" else None


@dataclass(slots=True)
class Preparation:
    """Prepares documents and keeps them by their text. A thread may prepare one beside the event loop.

    Without `introspection` a document cannot ask for the schema, and no error suggests a name from it.
    """

    schema: GraphQLSchema
    limits: Limits
    introspection: bool = True
    documents: "OrderedDict[str, dict[str | None, Operation]]" = field(default_factory=OrderedDict)
    characters: int = 0
    keeping: Lock = field(default_factory=Lock)
    coercions: Coercions = field(default_factory=Coercions)

    def operation(self, text: str, name: str | None, *, by_stranger: bool = False) -> Operation:
        """The operation of that name, or the only one.

        InvalidDocument, QueryTooComplex, or BadInput when the document has no such operation; Unauthenticated
        when it comes from a stranger and does more than log in.
        """
        operations = self.documents.get(text)
        if operations is None:
            operations = self._prepare(text, by_stranger=by_stranger)
            self._keep(text, operations)
        else:
            with suppress(KeyError):  # a thread may have pushed it out at this moment
                self.documents.move_to_end(text)
            if by_stranger:
                require_open(operation.node for operation in operations.values())
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        operation = operations.get(name)
        if operation is None or name is None:
            names = ", ".join(f"`{known}`" for known in operations if known)
            raise BadInput(
                f"Set `operationName` to one of the document's operations: {names}."
                if names
                else "The document has no operation of that name.",
                field="operationName",
            )
        return operation

    def _prepare(self, text: str, *, by_stranger: bool) -> dict[str | None, Operation]:
        tokens = min(self.limits.tokens, STRANGERS_TOKENS) if by_stranger else self.limits.tokens
        document = self._parse(text, tokens)
        nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        if by_stranger:
            require_open(nodes)
        refuse_many_definitions(document)
        # Measured before it is validated: validation itself takes long over a document made for that.
        measures = [measure(self.schema, document, node, self.limits) for node in nodes]
        errors = invalidities(self.schema, document, introspection=self.introspection)
        if errors:
            if not self.introspection:
                errors = [_without_suggestion(error) for error in errors]
            raise InvalidDocument(errors, parsed=True)
        if not nodes:
            raise InvalidDocument([GraphQLError("The document has no operation.")], parsed=True)
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        required = never_null(self.schema, document)
        return {
            node.name.value if node.name else None: self._operation(
                document, node, fragments, measured, required[id(node)]
            )
            for node, measured in zip(nodes, measures, strict=True)
        }

    def _operation(
        self,
        document: DocumentNode,
        node: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        measured: Measure,
        required: frozenset[str],
    ) -> Operation:
        signatures = self._signatures(node)
        inputs = {
            name: (signature, self.coercions.of(signature.type)) for name, signature in signatures.items()
        }
        return Operation(document, node, fragments, measured, inputs, required)

    def _parse(self, text: str, tokens: int) -> DocumentNode:
        refuse_many_lines(text)
        try:
            # Empty selection sets are GraphQL to graphql-core alone (GraphQL, 2.5: one Selection or more).
            document = parse(text, max_tokens=tokens, allow_empty_selection_sets=False)
        except GraphQLError as error:
            if parsing_gave_up(error):
                raise QueryTooComplex(
                    f"The document has more than {tokens} tokens or nests too deeply to be read; "
                    "send values as variables.",
                    limit=tokens,
                ) from None
            raise InvalidDocument([error], parsed=False) from None
        refuse_long_numbers(text, document)
        return document

    def _signatures(self, node: OperationDefinitionNode) -> dict[str, GraphQLVariableSignature]:
        found = (
            get_variable_signature(self.schema, definition) for definition in node.variable_definitions or ()
        )
        return {
            signature.name: signature
            for signature in found
            if isinstance(signature, GraphQLVariableSignature)
        }

    def _keep(self, text: str, operations: dict[str | None, Operation]) -> None:
        with self.keeping:
            if text in self.documents:
                return  # two asked at the same moment
            self.documents[text] = operations
            self.characters += len(text)
            while len(self.documents) > MOST_DOCUMENTS or self.characters > MOST_CHARACTERS:
                forgotten, _ = self.documents.popitem(last=False)
                self.characters -= len(forgotten)


def _without_suggestion(error: GraphQLError) -> GraphQLError:
    """The rule about leaves suggests a selection whatever it is told of suggestions."""
    return GraphQLError(error.message.partition(" Did you mean")[0], error.nodes)
