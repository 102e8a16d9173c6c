"""Requests to each server: where to, with which body, with which headers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from benchmarks.shapes import Shape

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Request:
    """One POST."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def graphql(url: str, query: str, variables: Mapping[str, object], token: str | None = None) -> Request:
    """A GraphQL request as every client sends it."""
    headers = {**JSON, "accept": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return Request(url, orjson.dumps({"query": query, "variables": dict(variables)}), headers)


def floor(url: str, shape: Shape, values: Iterable[object]) -> Request:
    """The floor takes parameters of its SQL, in order, as texts."""
    return Request(f"{url}/{shape.name}", orjson.dumps([str(value) for value in values]))
