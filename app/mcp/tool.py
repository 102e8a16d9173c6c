"""Tools as the protocol shows them: name, texts, schemas and hints around one function."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, get_type_hints

from app.mcp.call import Call
from app.mcp.values import Given, Told, schema_of

GivenT = TypeVar("GivenT", bound=Given)
ToldT = TypeVar("ToldT", bound=Told)

LONGEST_DESCRIPTION = 300
"""Characters: clients cut what is longer, and each tool is read by the model at each start."""


@dataclass(frozen=True)
class Tool(Generic[GivenT, ToldT]):
    """`description` says when to use it. `idempotent`: the same call again changes nothing further."""

    name: str
    title: str
    description: str
    run: Callable[[Call, GivenT], Awaitable[ToldT]]
    given: type[GivenT]
    told: type[ToldT]
    read_only: bool = False
    idempotent: bool = False
    destructive: bool = False

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The schema of the arguments."""
        return schema_of(self.given)

    @cached_property
    def output_schema(self) -> dict[str, Any]:
        """The schema of the structured answer."""
        return schema_of(self.told)


AnyTool = Tool[Any, Any]


def tool(
    title: str,
    *,
    read_only: bool = False,
    idempotent: bool = False,
    destructive: bool = False,
) -> Callable[[Callable[[Call, GivenT], Awaitable[ToldT]]], Tool[GivenT, ToldT]]:
    """Make a tool of a function, whose name it bears; its docstring is what clients are told of it, and its
    annotations give the schemas.
    """

    def decorate(run: Callable[[Call, GivenT], Awaitable[ToldT]]) -> Tool[GivenT, ToldT]:
        hints = get_type_hints(run)
        description = " ".join((run.__doc__ or "").split())
        if not 0 < len(description) < LONGEST_DESCRIPTION:
            raise ValueError(f"the description of {title} has {len(description)} characters")
        return Tool(
            run.__name__,
            title,
            description,
            run,
            hints["given"],
            hints["return"],
            read_only,
            idempotent or read_only,
            destructive,
        )

    return decorate
