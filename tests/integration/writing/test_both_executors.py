"""Every mutation answers and stores the same through both executors, also where it is refused."""

from typing import Any

import pytest
from graphql import get_named_type, print_ast, value_to_literal

from app.config.settings import Settings
from services.core.database import Database
from services.core.principal import Principal
from services.secrets.vault import Vault
from tests.integration.writing.asking import MUTATIONS, SCHEMA, SECRET_KEY, Caller
from tests.integration.writing.conftest import World, make_referents, make_scene
from tests.integration.writing.test_payload_shapes import Teller, tell
from tests.support.server import TestServer
from tests.support.shapes import everything
from tests.support.twins import Likeness, alike, contents, keys_in, twins


async def _world(database: Database) -> World:
    return await make_referents(database, await make_scene(database))


async def _again(teller: Teller, caller: Caller, stranger: Principal) -> list[tuple[str, Any]]:
    """The last call of each mutation once more, its input written in the document, and by others.

    Most are refused: the row is gone, has got another status, or is not the caller's.
    """
    answers: list[tuple[str, Any]] = []
    for field, (principal, given) in {field: (who, given) for who, field, given in teller.calls}.items():
        payload = everything(SCHEMA._schema, get_named_type(MUTATIONS[field].type), 0)
        argument = MUTATIONS[field].args.get("input")
        literal = None if argument is None else value_to_literal(_plain(given), argument.type)
        written = "" if literal is None else f"(input: {print_ast(literal)})"
        document = f"mutation {{ again: {field}{written} {{ ... on {_payload(field)} {payload} }} }}"
        answers += [
            (f"{field}{written}", await caller.response(person, document))
            for person in (principal, stranger, None)
        ]
        if argument is not None:
            nothing = f"mutation ($input: {argument.type}) {{ {field}(input: $input) {payload} }}"
            answers.append((f"{field} without input", await caller.response(principal, nothing)))
    return answers


def _payload(field: str) -> str:
    return str(get_named_type(MUTATIONS[field].type))


def _plain(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: _plain(value) for name, value in given.items()}
    if isinstance(given, list):
        return [_plain(value) for value in given]
    return given if given is None or isinstance(given, (bool, int, float, str)) else str(given)


@pytest.mark.timeout(600)
async def test_both_executors_answer_every_mutation_alike_and_leave_the_same_rows(
    postgres: TestServer, settings: Settings
) -> None:
    async with twins(postgres, settings, _world) as (world, one, other):
        likeness = Likeness(keys_in(await contents(one)))
        told = []
        for database, prepared in ((one, True), (other, False)):
            caller = Caller(database, Vault.of(SECRET_KEY), prepared=prepared)
            teller = Teller(caller)
            await tell(teller, world, database)
            again = await _again(teller, caller, world.scene.stranger)
            named = [
                (field, answer) for (_, field, _), answer in zip(teller.calls, teller.answers, strict=True)
            ]
            told.append([(what, likeness.of(answer)) for what, answer in [*named, *again]])
            assert sorted(MUTATIONS.keys() - teller.called) == []
            refused = [answer for _, answer in again if "errors" in answer]
            assert len(MUTATIONS) < len(refused) < len(again)

        for (what, direct), (_, general) in zip(*told, strict=True):
            assert direct == general, what
        assert await alike(likeness, one, other) == []
