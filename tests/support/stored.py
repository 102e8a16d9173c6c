"""Parts of the API that can be compared with the rows of the database: all but what PostgreSQL measures.

Sizes, partitions and queues differ from one reading to the next, and the size of a database is of the moment.
tests/integration/system/test_system_health.py asks for them.
"""

from gql.planner.catalog import Catalog, TableType


def stored(catalog: Catalog) -> tuple[TableType, ...]:
    """The tables and views of which two readings are equal while no row changes."""
    return tuple(table for table in catalog.types.values() if not table.is_measured)


def is_measured(catalog: Catalog, kind: str) -> bool:
    """True if a type of the API, or its connection, has rows that are measured."""
    table = catalog.types.get(kind.removesuffix("Connection"))
    return table is not None and table.is_measured
