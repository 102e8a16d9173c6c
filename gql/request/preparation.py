"""Documents made ready to run: parsed, validated and measured once, their plans kept beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    SKIP,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    VisitorAction,
    is_non_null_type,
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
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables, Variables
from gql.request.anonymous import ANONYMOUS_TOKENS, require_public_operation
from gql.request.coercion import MOST_PROBLEMS, Coerce, Coercions, NotCoerced, missing
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
from gql.request.variables import Misfit, null_errors, variable_errors
from services.core.cache import BoundedCache
from services.core.errors import BadInput, QueryTooComplex

MOST_DOCUMENTS = 1_000
MOST_CHARACTERS = 20_000_000
MOST_PLANS = 50
"""Documents that are kept, their text in all, and what is kept with each operation: plans and payloads."""


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


@dataclass(frozen=True, slots=True)
class Declared:
    """A variable that an operation declares. `nests` says whether its values may be of any depth."""

    definition: VariableDefinitionNode
    signature: GraphQLVariableSignature
    coerce: Coerce
    nests: bool

    def default(self, schema: GraphQLSchema) -> object:
        """The value written in the document for a variable that is not given.

        Raises: InvalidVariables when it does not fit.
        """
        values = get_variable_values(schema, [self.definition], {}, max_errors=1)
        if isinstance(values, list):
            raise InvalidVariables(values)
        return values.coerced[self.signature.name]


Heads: TypeAlias = tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class RootPlan:
    """The plan of a query's root fields.

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
    inputs: Mapping[str, Declared]
    """The variables that it declares, by name."""
    never_null: frozenset[str] = frozenset()
    """Variables of a nullable type that may not be null where they are used."""
    derived: Plans = field(default_factory=lambda: Plans(MOST_PLANS))
    """What was made of the operation for variables like some: plans, and what is known of a payload."""

    @property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.node.name.value if self.node.name else None

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    def variables(self, schema: GraphQLSchema, given: dict[str, Any] | None) -> VariableValues:
        """The variables, coerced.

        Raises: InvalidVariables when they do not fit, QueryTooComplex for too many parts.
        """
        given = given or {}
        if self.never_null:
            errors = null_errors(self.node, self.never_null, given)
            if errors:
                raise InvalidVariables(errors)
        sources, coerced = {}, {}
        misfits: list[Misfit] = []
        for name, declared in self.inputs.items():
            kind = declared.signature.type
            if name not in given:
                sources[name] = VariableValueSource(declared.signature)
                if declared.definition.default_value is not None:
                    coerced[name] = declared.default(schema)
                elif is_non_null_type(kind):
                    misfits.append((declared.definition, ((), missing(kind.of_type))))
                continue
            value = given[name]
            sources[name] = VariableValueSource(declared.signature, value)
            try:
                if declared.nests:
                    refuse_many_parts(kind, value, name)
                coerced[name] = declared.coerce(value)
            except NotCoerced as wrong:
                refuse_many_parts(kind, value, name)
                misfits += [(declared.definition, problem) for problem in wrong.problems]
            except RecursionError:
                raise InvalidVariables([GraphQLError("Variable values are nested too deeply.")]) from None
        if misfits:
            raise InvalidVariables(variable_errors(self.node, misfits[:MOST_PROBLEMS]))
        return VariableValues(sources, coerced)

    def uses(self, variable: str) -> int:
        """The number of times that the document uses a variable; its definition does not count."""
        counter = _UseCounter(variable)
        visit(self.document, counter)
        return counter.found

    def root_plan(self, catalog: Catalog, variables: Variables, *, is_admin: bool) -> RootPlan:
        """The plan of a query for this kind of viewer and variables like these."""

        def make(observed: ObservedVariables) -> RootPlan:
            return plan_root(CompileEnv(catalog, observed, self.fragments, is_admin), self.node)

        return self.derived.get(("root", is_admin), variables, make).made

    def live_plan(self, catalog: Catalog, variables: Variables, *, is_admin: bool) -> RootPlan:
        """The same of what the one field of a subscription selects of Query."""

        def make(observed: ObservedVariables) -> RootPlan:
            env = CompileEnv(catalog, observed, self.fragments, is_admin)
            (root,) = collect([self.node.selection_set], env, (), "Subscription")
            return plan_fields(env, root.selected(env, "Query"))

        return self.derived.get(("live", is_admin), variables, make).made


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


def plan_root(env: CompileEnv, node: OperationDefinitionNode) -> RootPlan:
    """Plan the root fields of a query."""
    return plan_fields(env, collect([node.selection_set], env, (), "Query"))


def plan_fields(env: CompileEnv, fields: Sequence[Field]) -> RootPlan:
    """Plan these fields of Query."""
    tables = [found for found in fields if is_table_field(env.catalog, found.name)]
    plan = compile_query(env, tables) if tables else None
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
    documents: BoundedCache[str, Mapping[str | None, Operation]] = field(
        default_factory=lambda: BoundedCache(
            MOST_DOCUMENTS, size=MOST_CHARACTERS, size_of=lambda text, _: len(text)
        )
    )
    coercions: Coercions = field(init=False)

    def __post_init__(self) -> None:
        """Sentences about variables name no member of an enum where the schema is not shown."""
        self.coercions = Coercions(hide_members=not self.introspection)

    def operation(self, text: str, name: str | None, *, anonymous: bool = False) -> Operation:
        """The operation of that name, or the only one.

        InvalidDocument, QueryTooComplex, or BadInput when the document has no such operation; Unauthenticated
        when it is `anonymous` and does more than log in.
        """
        operations = self.documents.get(text)
        if operations is None:
            operations = self.documents[text] = self._prepare(text, anonymous=anonymous)
        elif anonymous:
            require_public_operation(operation.node for operation in operations.values())
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

    def _prepare(self, text: str, *, anonymous: bool) -> dict[str | None, Operation]:
        tokens = min(self.limits.tokens, ANONYMOUS_TOKENS) if anonymous else self.limits.tokens
        document = self._parse(text, tokens)
        nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        if anonymous:
            require_public_operation(nodes)
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
        inputs = {}
        for definition in node.variable_definitions or ():
            signature = get_variable_signature(self.schema, definition)
            if isinstance(signature, GraphQLVariableSignature):
                coerce, nests = self.coercions.of(signature.type), self.coercions.nests(signature.type)
                inputs[signature.name] = Declared(definition, signature, coerce, nests)
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


def _without_suggestion(error: GraphQLError) -> GraphQLError:
    """The rule about leaves suggests a selection whatever it is told of suggestions."""
    return GraphQLError(error.message.partition(" Did you mean")[0], error.nodes)
