"""Parts of Strawberry beyond its documentation: its definitions, and the schema inside."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import strawberry
from graphql import GraphQLField, GraphQLInputObjectType, GraphQLResolveInfo, GraphQLSchema
from strawberry import Info
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types.arguments import InputContext, StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

__all__ = [
    "MaybeNullValidationRule",
    "StrawberryAnnotation",
    "StrawberryArgument",
    "StrawberryField",
    "StrawberryGraphQLCoreExecutionContext",
    "converted_arguments",
    "core_schema",
    "definition_of",
    "describe_members",
    "field_arguments",
    "info_of",
    "is_one_of",
    "raw_info",
    "resolver_of",
    "set_definition",
]

_DEFINITION = "strawberry-definition"
"""Where graphql-core's types and fields have Strawberry's definition of them, among their extensions."""


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema as graphql-core has it."""
    return schema._schema


def raw_info(info: Any) -> GraphQLResolveInfo[Any]:
    """The information of graphql-core, from Strawberry's wrapper around it or from itself."""
    raw: GraphQLResolveInfo[Any] = getattr(info, "_raw_info", info)
    return raw


def info_of(raw: GraphQLResolveInfo[Any], field: StrawberryField | None) -> Info[Any, Any]:
    """Strawberry's info for the resolver of a field."""
    return Info(_raw_info=raw, _field=cast("StrawberryField", field))


def definition_of(field: GraphQLField) -> StrawberryField:
    """Strawberry's definition of a field."""
    definition: StrawberryField = field.extensions[_DEFINITION]
    return definition


def is_one_of(kind: GraphQLInputObjectType) -> bool:
    """True if exactly one field is to be given; Strawberry keeps this to itself."""
    return bool(kind.extensions[_DEFINITION].is_one_of)


def resolver_of(field: StrawberryField) -> Callable[[Any, Any, dict[str, Any]], Any] | None:
    """The function behind a field as (parent, info, arguments); None where it takes something else.

    A field without a function is the attribute of the parent.
    """
    resolver = field.base_resolver
    if field.extensions:
        return None
    if resolver is None:
        return lambda parent, _info, _arguments: getattr(parent, field.python_name)
    if resolver.parent_parameter or resolver.root_parameter:
        return None
    function = cast("Callable[..., Any]", resolver.wrapped_func)
    on_parent, told = resolver.self_parameter is not None, resolver.info_parameter

    def call(parent: Any, info: Any, arguments: dict[str, Any]) -> Any:
        if told is not None:
            arguments[told.name] = info
        return function(parent, **arguments) if on_parent else function(**arguments)

    return call


def field_arguments(field: StrawberryField) -> Sequence[StrawberryArgument]:
    """The arguments of which Strawberry makes classes; none where the resolver takes all as they come."""
    definitions = [get_object_definition(argument.type) for argument in field.arguments]
    as_given = all(definition is not None and definition.from_input is not None for definition in definitions)
    return () if as_given else field.arguments


def converted_arguments(
    values: dict[str, Any], arguments: Sequence[StrawberryArgument], info: Info[Any, Any]
) -> dict[str, Any]:
    """The arguments as the resolver takes them."""
    converter = info.schema.schema_converter
    return convert_arguments(values, [*arguments], converter.scalar_registry, converter.config, info)


def set_definition(
    made: type,
    fields: Iterable[StrawberryField],
    description: str,
    *,
    is_input: bool,
    is_interface: bool,
    interfaces: Sequence[type],
    directives: Sequence[object],
) -> None:
    """Make a class a type of the schema, as Strawberry's own integrations do. An input becomes a dict."""
    made.__strawberry_definition__ = StrawberryObjectDefinition(  # type: ignore[attr-defined]
        name=made.__name__,
        is_input=is_input,
        is_interface=is_interface,
        origin=made,
        description=description,
        interfaces=[interface.__strawberry_definition__ for interface in interfaces],  # type: ignore[attr-defined]
        extend=False,
        directives=directives,
        is_type_of=None,
        resolve_type=None,
        fields=list(fields),
        from_input=_as_given if is_input else None,
    )


def describe_members(made: Any, descriptions: Mapping[str, str]) -> None:
    """Describe the members of an enum that Strawberry knows, by their names."""
    for value in made.__strawberry_definition__.values:
        value.description = descriptions[value.name]


def _as_given(_: type, value: Mapping[str, Any], __: InputContext) -> dict[str, Any]:
    return dict(value)
