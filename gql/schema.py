"""Puts the schema together: Query from the models, Mutation and Subscription from their packages."""

from functools import cache

import strawberry
from graphql import GraphQLInputObjectType, get_named_type
from strawberry.schema.config import StrawberryConfig

from gql import mutations, subscriptions
from gql.compat.strawberry_graphql import core_schema, is_one_of
from gql.execution.executor import planned_root_field
from gql.planner.catalog import Catalog
from gql.scalars import SCALARS
from gql.types.builder import NAMES
from gql.types.queries import Query
from gql.types.types import CATALOG

MUTATION: type | None = getattr(mutations, "Mutation", None)
SUBSCRIPTION: type | None = getattr(subscriptions, "Subscription", None)


@cache
def build_schema(mutation: type | None = MUTATION) -> tuple[strawberry.Schema, Catalog]:
    """The schema and the catalog that its table types come from."""
    nodes = [NAMES[table.name] for table in CATALOG.types.values() if table.node_key is not None]
    schema = strawberry.Schema(
        query=Query,
        mutation=mutation,
        subscription=SUBSCRIPTION,
        types=nodes,
        config=StrawberryConfig(scalar_map=SCALARS, auto_camel_case=True),
    )
    query = core_schema(schema).query_type
    for field in query.fields.values() if query else ():
        # Strawberry would convert arguments that the planner has long read.
        field.resolve = planned_root_field
    for kind in core_schema(schema).type_map.values():
        # The rules of graphql-core want to know.
        if isinstance(kind, GraphQLInputObjectType):
            kind.is_one_of = is_one_of(kind)
    _describe(schema)
    return schema, CATALOG


def _describe(schema: strawberry.Schema) -> None:
    """Describe what Strawberry cannot: the roots, and the `input` of mutations, which its type describes."""
    roots = (core_schema(schema).mutation_type, core_schema(schema).subscription_type)
    for root, words in zip(roots, ("changed", "followed"), strict=True):
        if root is not None:
            root.description = root.description or f"Everything that can be {words}."
            for field in root.fields.values():
                for argument in field.args.values():
                    described = get_named_type(argument.type).description
                    argument.description = argument.description or described


def print_schema() -> str:
    """The schema in GraphQL's own language, as `schema.graphql` has it."""
    schema, _ = build_schema()
    return schema.as_str() + "\n"
