"""A mutation that runs without the general executor answers what that one would."""

import asyncio
import re
from enum import Enum
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
import strawberry
from strawberry import Info

from gql.context import Context
from gql.execution import api
from gql.execution.api import Api, OperationRequest
from gql.schema import build_schema
from services.accounts.tokens import TokenPolicy
from services.core.errors import BadInput
from services.core.principal import Origin, Principal

KEY = UUID("0197a000-0000-7000-8000-00000000abcd")


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.input
class Order:
    colour: Colour
    numbers: list[int] = strawberry.field(default_factory=list)


@strawberry.type
class Inner:
    word: str = "in"


@strawberry.type
class Done:
    colour: Colour
    numbers: list[int]
    key: UUID = KEY

    @strawberry.field
    async def later(self) -> str:
        await asyncio.sleep(0)
        return "late"

    @strawberry.field
    def asked_by(self, info: Info[Context, Any]) -> str:
        return f"{info.context.require_principal().username} of {info.field_name} at {info.path.as_list()}"

    @strawberry.field
    def times(self, by: int = 2) -> list[int]:
        return [by * number for number in self.numbers]

    @strawberry.field
    def nested(self) -> Inner:
        return Inner()

    @strawberry.field
    def refused(self) -> int:
        raise BadInput("No.", field="input.colour")

    @strawberry.field
    async def refused_softly(self) -> int | None:
        raise BadInput("Better not.", field="input.numbers")

    @strawberry.field
    def missing(self) -> int:
        return cast("int", None)

    @strawberry.field
    def gaps(self) -> list[int] | None:
        return [1, cast("int", None)]

    @strawberry.field
    def wrong(self) -> int | None:
        return cast("int", "seven")


@strawberry.type
class Mutations:
    @strawberry.mutation
    async def order(self, info: Info[Context, Any], given: Order) -> Done:
        return Done(colour=given.colour, numbers=given.numbers)

    @strawberry.mutation
    def perhaps(self, given: Order | None = None) -> Done | None:
        return Done(colour=given.colour, numbers=given.numbers) if given else None

    @strawberry.mutation
    async def refuse(self) -> Done:
        raise BadInput("Never.", field="input")

    @strawberry.mutation
    async def refuse_softly(self) -> Done | None:
        raise BadInput("Rather not.", field="input")

    @strawberry.mutation
    def count(self) -> int:
        return 3


SCHEMA, CATALOG = build_schema(Mutations)
DIRECTLY = Api(SCHEMA, CATALOG)
GENERALLY = Api(SCHEMA, CATALOG, prepared=False)

ORDER = "mutation ($in: Order!, $no: Boolean = true) { order(given: $in) { skipped: key @skip(if: $no) %s } }"
FRAGMENT = " fragment F on Done { later colour }"
VALUES = {"in": {"colour": "BLUE", "numbers": [1, 2]}}


async def answered(api: Api, document: str, variables: dict[str, Any] | None = None) -> Any:
    """The response, without the ids of errors nobody foresaw."""
    principal = Principal(1, "ann", is_admin=False)
    context = Context(cast("Any", None), Origin(), TokenPolicy("k" * 32), principal)
    result = await api.execute(OperationRequest(document, variables), context)
    body = re.sub(rb"\b[0-9a-f]{16}\b", b"(id)", result.body)
    return orjson.loads(body), sorted(result.errors)


SAME = [
    ("colour numbers key", VALUES),
    ("__typename colour", VALUES),
    ("shade: colour more: numbers", {"in": {"colour": "RED"}}),
    ("...F ... on Done { key } key", VALUES),
    ("later askedBy", VALUES),
    ("colour", VALUES),
    ("colour", {**VALUES, "no": False}),
    ("colour refused", VALUES),
    ("colour refusedSoftly later", VALUES),
    ("colour missing", VALUES),
    ("colour gaps", VALUES),
    ("colour wrong", VALUES),
]
"""What is selected of an order, with the variables."""


@pytest.mark.parametrize(("selection", "variables"), SAME)
async def test_the_answer_is_that_of_the_general_executor(
    selection: str, variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ORDER % selection + (FRAGMENT if "...F" in selection else "")
    expected = await answered(GENERALLY, document, variables)
    monkeypatch.setattr(api, "execute_prepared", None)  # nobody may ask it

    assert await answered(DIRECTLY, document, variables) == expected
    assert "data" in expected[0]


@pytest.mark.parametrize(
    "document",
    [
        "mutation { refuse { key } }",
        "mutation { refuseSoftly { key } }",
        "mutation { perhaps { key } }",
        "mutation { perhaps(given: null) { key } }",
        "mutation { perhaps(given: {colour: RED}) { colour numbers } }",
        "mutation { other: perhaps(given: {colour: RED, numbers: 5}) { colour numbers } }",
    ],
)
async def test_arguments_in_the_document_and_refusals_are_the_same_too(
    document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await answered(GENERALLY, document)
    monkeypatch.setattr(api, "execute_prepared", None)

    assert await answered(DIRECTLY, document) == expected


@pytest.mark.parametrize(
    "document",
    [
        "mutation { count }",
        "mutation { __typename }",
        "mutation { one: perhaps { key } two: refuseSoftly { key } }",
        "mutation { perhaps(given: {colour: RED, numbers: [3]}) { times(by: 4) } }",
        "mutation { perhaps(given: {colour: RED}) { nested { word } } }",
    ],
)
async def test_what_it_cannot_run_goes_through_the_general_executor(document: str) -> None:
    assert await answered(DIRECTLY, document) == await answered(GENERALLY, document)
