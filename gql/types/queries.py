"""The root fields that read: a connection and a lookup for every table, and nodes by their ids."""

from collections.abc import Iterator

from gql.compat.strawberry_graphql import StrawberryField
from gql.planner.catalog import Catalog
from gql.types.builder import argument, object_type, output_field
from gql.types.types import CATALOG, connection_arguments


def define_query(catalog: Catalog) -> type:
    """The type Query."""
    return object_type("Query", _fields(catalog), "Everything that can be read.")


def _fields(catalog: Catalog) -> Iterator[StrawberryField]:
    yield output_field("me", "User", "The caller.")
    node_id = argument("nodeId", "ID", "What a field `nodeId` returned.")
    yield output_field("node", "Optional[Node]", "One row by its id.", [node_id])
    node_ids = argument("nodeIds", "List[ID]", "What fields `nodeId` returned; at most 500.")
    yield output_field("nodes", "List[Optional[Node]]", "Rows by their ids, in that order.", [node_ids])
    for table in catalog.types.values():
        if table.is_single:
            description = f"{table.description} Null for everyone else."
            yield output_field(table.connection, f"Optional[{table.name}]", description)
            continue
        if table.lookup is not None:
            by = argument("by", f"{table.name}By", "The row's key.")
            yield output_field(
                table.lookup,
                f"Optional[{table.name}]",
                f"One row by a unique key, or null. {table.description}",
                [by],
            )
        yield output_field(
            table.connection,
            f"{table.name}Connection",
            f"Rows of {table.name}, page by page. {table.description}",
            connection_arguments(table),
        )


Query = define_query(CATALOG)
