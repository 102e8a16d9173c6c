"""Every table of the models with its declaration."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.writing.declaration import WritableTable, WrittenElsewhere
from services.writing.declarations import (
    elsewhere,
    instances,
    logs,
    mcp,
    notifications,
    planning,
    projects,
    sessions,
    system,
    tasks,
    worktrees,
)

NOUNS: Final = (
    instances,
    logs,
    mcp,
    notifications,
    planning,
    projects,
    sessions,
    system,
    tasks,
    worktrees,
    elsewhere,
)

DECLARED: Final[Mapping[str, WritableTable | WrittenElsewhere]] = MappingProxyType(
    {
        found.name: found
        for noun in NOUNS
        for found in vars(noun).values()
        if isinstance(found, WritableTable | WrittenElsewhere)
    }
)
"""By table name; a test holds it against the models."""

TABLES: Final[Mapping[str, WritableTable]] = MappingProxyType(
    {
        found.name: found
        # The schema takes this order.
        for found in sorted(
            (found for found in DECLARED.values() if isinstance(found, WritableTable)),
            key=lambda found: found.type_name,
        )
    }
)
"""Those that `services.writing` writes, by table name."""
