"""Sensitive parts leave a JSON value, and come back to their places."""

import random
from typing import Any

import orjson
import pytest

from services.secrets.parts import with_secrets, without_secrets

SECRETS = ("sk-hunter2-abcdefghijklmnopqrstuvwxyz", "postgresql://me:hunter2@db/x", "x --token hunter2")


@pytest.mark.parametrize(
    ("value", "hidden", "parts"),
    [
        ({"a": 1, "b": [None, "x"]}, {"a": 1, "b": [None, "x"]}, []),
        (None, None, []),
        ("token=abc123def", "token=[masked]", [((), "token=abc123def")]),
        (
            {"env": [{"API_KEY": "k"}], "run": ["--password", "x"]},
            {"env": [{"API_KEY": "[masked]"}], "run": ["--password", "[masked]"]},
            [(("env", 0, "API_KEY"), "k"), (("run", 1), "x")],
        ),
    ],
)
def test_what_is_sensitive_is_taken_out_with_its_place(value: Any, hidden: Any, parts: Any) -> None:
    assert without_secrets(value) == (hidden, parts)


def test_any_value_comes_back_whole() -> None:
    chance = random.Random(7)

    def made(depth: int) -> Any:
        kind = chance.random()
        if depth and kind < 0.35:
            names = chance.sample(
                ["password", "name", "東京", "api_key", "~/a", "0", ""], chance.randint(0, 5)
            )
            return {name: made(depth - 1) for name in names}
        if depth and kind < 0.6:
            return [made(depth - 1) for _ in range(chance.randint(0, 4))]
        return chance.choice((*SECRETS, "plain", 4711, 2.5, True, None, "[masked]", ""))

    for _ in range(500):
        value = made(4)
        hidden, parts = without_secrets(value)
        sealed = orjson.dumps(parts)

        assert b"hunter2" not in orjson.dumps(hidden)
        assert with_secrets(hidden, orjson.loads(sealed)) == value
