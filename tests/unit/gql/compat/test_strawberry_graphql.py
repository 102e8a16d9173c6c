"""What gql/compat/strawberry_graphql.py relies on: a test that fails says what Strawberry has changed."""

import dataclasses
import inspect
from typing import Any

import strawberry
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema
from graphql.execution.executor import Executor
from strawberry import Info
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.fields.resolver import StrawberryResolver

from gql.compat import strawberry_graphql as compat
from gql.schema import build_schema


@strawberry.input
class Numbers:
    """An input that Strawberry makes an object of."""

    first: int = 0


@strawberry.type
class Query:
    """A field of each kind."""

    name: str = "plain"

    @strawberry.field
    def total(self, info: Info[None, None], numbers: Numbers) -> int:
        """Takes the parent, the info, and an argument."""
        return numbers.first + len(self.name) + len(info.field_name)

    @strawberry.field
    def rooted(self, root: Any) -> int:
        """Takes the root."""
        return len(root)

    @strawberry.field
    @staticmethod
    def alone() -> int:
        """Takes nothing."""
        return 5


SCHEMA = strawberry.Schema(Query)
CORE = compat.core_schema(SCHEMA)
ROOT = CORE.type_map["Query"]
assert isinstance(ROOT, GraphQLObjectType)
FIELDS = ROOT.fields


def test_the_schema_of_graphql_core_is_inside() -> None:
    assert isinstance(CORE, GraphQLSchema)
    assert CORE._strawberry_schema is SCHEMA  # type: ignore[attr-defined] # where `info.schema` finds it


def test_every_field_has_its_definition_among_its_extensions() -> None:
    for field in FIELDS.values():
        assert isinstance(compat.definition_of(field), compat.StrawberryField)


def test_a_resolver_says_which_parameters_it_has() -> None:
    resolver = compat.definition_of(FIELDS["total"]).base_resolver
    assert isinstance(resolver, StrawberryResolver)
    assert resolver.wrapped_func.__name__ == "total"
    assert resolver.self_parameter is not None
    assert resolver.info_parameter is not None
    assert resolver.info_parameter.name == "info"
    assert (resolver.parent_parameter, resolver.root_parameter) == (None, None)


def test_resolvers_are_called_past_strawberry_where_they_take_nothing_else() -> None:
    plain, alone = (compat.resolver_of(compat.definition_of(FIELDS[name])) for name in ("name", "alone"))
    assert plain is not None
    assert alone is not None
    assert plain(Query(), None, {}) == "plain"
    assert alone(Query(), None, {}) == 5
    assert compat.resolver_of(compat.definition_of(FIELDS["rooted"])) is None


def test_info_is_made_of_what_graphql_core_told_and_of_the_field() -> None:
    assert [field.name for field in dataclasses.fields(Info)] == ["_raw_info", "_field"]
    raw = compat.raw_info(object())
    assert compat.raw_info(compat.info_of(raw, None)) is raw


def test_arguments_are_converted_with_what_the_schema_knows() -> None:
    definition = compat.definition_of(FIELDS["total"])
    arguments = compat.field_arguments(definition)
    assert [argument.python_name for argument in arguments] == ["numbers"]
    (raw,) = [SCHEMA.execute_sync("{ total(numbers: {first: 2}) }", root_value=Query())]
    assert raw.data == {"total": 2 + len("plain") + len("total")}


def test_inputs_of_ours_are_dicts_and_are_not_converted() -> None:
    ours, _ = build_schema()
    mutation = compat.core_schema(ours).mutation_type
    assert mutation is not None
    definition = compat.definition_of(mutation.fields["createTask"])
    assert compat.field_arguments(definition) == ()
    field = mutation.fields["createTask"]
    kind = field.args["input"].type.of_type
    assert isinstance(kind, GraphQLInputObjectType)
    inner = kind.extensions["strawberry-definition"]
    assert isinstance(inner, StrawberryObjectDefinition)
    assert inner.from_input is not None
    assert inner.from_input(kind, {"a": 1}, None) == {"a": 1}  # type: ignore[arg-type]
    assert not compat.is_one_of(kind)


def test_a_definition_is_made_of_these() -> None:
    names = [field.name for field in dataclasses.fields(StrawberryObjectDefinition)]
    assert {
        "name",
        "is_input",
        "is_interface",
        "origin",
        "description",
        "interfaces",
        "extend",
        "directives",
        "is_type_of",
        "resolve_type",
        "fields",
        "from_input",
    } <= {*names}


def test_the_executor_of_strawberry_is_graphql_cores() -> None:
    executor = compat.StrawberryGraphQLCoreExecutionContext
    assert issubclass(executor, Executor)
    assert "complete_value" not in vars(executor)
    assert [*inspect.signature(executor.__init__).parameters] == ["self", "args", "kwargs"]
