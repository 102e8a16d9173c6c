"""The key of equal reads, which `Batcher.share` runs once (services/core/batching.py)."""

from collections.abc import Hashable, Sequence


def key_of(sql: str, parameters: Sequence[object]) -> Hashable:
    """The key of a read: the statement and all its parameters, the viewer among them."""
    return (sql, *(tuple(value) if isinstance(value, list) else value for value in parameters))
