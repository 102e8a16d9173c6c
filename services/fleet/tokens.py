"""Counts of the tokens of a request to a model."""

from collections.abc import Mapping
from typing import Any

from services.fleet.values import mapping, whole


def tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    """The counts of a message's usage, by column."""
    cached = mapping(usage, "cache_creation")
    told = {
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "cache_read_tokens": usage.get("cache_read_input_tokens"),
        "cache_creation_tokens": usage.get("cache_creation_input_tokens"),
        "cache_creation_5m_tokens": cached.get("ephemeral_5m_input_tokens"),
        "cache_creation_1h_tokens": cached.get("ephemeral_1h_input_tokens"),
    }
    return {name: count for name, value in told.items() if (count := whole(value))}


def context_used(model: str | None, counts: Mapping[str, int]) -> int | None:
    """The percentage of the model's context that a request has filled, as far as its name tells the size."""
    used = sum(counts.get(name, 0) for name in ("input_tokens", "cache_read_tokens", "cache_creation_tokens"))
    if used <= 0:
        return None
    size = 1_000_000 if used > 200_000 or (model is not None and "[1m]" in model) else 200_000
    return min(round(100 * used / size), 100)
