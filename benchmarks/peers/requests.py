"""How each server is asked for a shape: where to, with which body, with which headers."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Subject:
    """What only the data can tell: the key of a task, and the row after which the deep page begins."""

    task_id: str
    row_id: str
    row_created_at: str

    def variables(self, shape: Shape) -> dict[str, object]:
        """The variables of a shape that the data decide."""
        return {**shape.variables, **({"id": self.task_id} if "id" in shape.variables else {})}


def graphql(url: str, query: str, variables: Mapping[str, object], token: str | None = None) -> Request:
    """A GraphQL request as every client sends it."""
    headers = {**JSON, "accept": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return Request(url, orjson.dumps({"query": query, "variables": dict(variables)}), headers)


def floor(url: str, shape: Shape, subject: Subject) -> Request:
    """The floor takes parameters of its SQL, in order, as texts."""
    values = [str(value) for name, value in subject.variables(shape).items() if name in ("id", "priority")]
    if shape.deep:
        values = [subject.row_created_at, subject.row_id]
    return Request(f"{url}/{shape.name}", orjson.dumps(values))
