"""Secrets never reach the database in clear (decision 27)."""

import random
import time

import orjson
import pytest

from services.secrets.masking import HINTS, MASK, is_sensitive_name, mask, mask_text, masked

# Assembled here so that no scanner takes this file for a leak.
GITHUB_TOKEN = "ghp_" + "a1B2" * 9
ANTHROPIC_KEY = "sk-ant-" + "api03-" + "x" * 40
AWS_KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
JSON_WEB_TOKEN = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0." + "c2lnbmF0dXJl"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\nabc\n-----END RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "apiKey",
        "API_KEY",
        "x-api-key",
        "AWS_SECRET_ACCESS_KEY",
        "client_secret",
        "accessToken",
        "Cookie",
    ],
)
def test_a_member_whose_name_says_secret_loses_its_text(name: str) -> None:
    assert mask({name: "value", "other": "value"}) == {name: MASK, "other": "value"}


@pytest.mark.parametrize(
    "name", ["progressToken", "nextPageToken", "author", "keyboard", "token_type", "monkey"]
)
def test_a_name_that_only_sounds_like_a_secret_keeps_its_text(name: str) -> None:
    assert not is_sensitive_name(name)


def test_counts_of_tokens_stay_numbers_and_numeric_passwords_do_not() -> None:
    assert mask({"input_tokens": 250, "password": 1234}) == {"input_tokens": 250, "password": MASK}


def test_the_schema_of_a_tool_with_a_password_argument_keeps_its_shape() -> None:
    schema = {"properties": {"password": {"type": "string"}}, "required": ["password"]}

    assert mask(schema) == schema


@pytest.mark.parametrize("secret", [GITHUB_TOKEN, ANTHROPIC_KEY, AWS_KEY_ID, JSON_WEB_TOKEN, PRIVATE_KEY])
def test_a_credential_of_a_known_form_is_found_in_the_middle_of_a_text(secret: str) -> None:
    assert mask_text(f"before {secret} after") == f"before {MASK} after"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("postgresql://ada:hunter2@db/app", "hunter2"),
        ("DB_PASSWORD=hunter2 make run", "hunter2"),
        ('{"api_key": "hunter2", "a": 1}', "hunter2"),
        ('{\\"token\\": \\"hunter2\\"}', "hunter2"),
        ("login --password hunter2 --user ada", "hunter2"),
        ("Set-Cookie: session=hunter2; Secure", "hunter2"),
        ("https://hooks.slack.com/services/T0/B0/hunter2", "hunter2"),
        ("https://x.blob.core.windows.net/a?sv=1&sig=hunter2&x=1", "hunter2"),
    ],
)
def test_a_secret_inside_a_text_is_masked_and_the_rest_stays(text: str, secret: str) -> None:
    result = mask_text(text)

    assert secret not in result
    assert MASK in result
    assert text.startswith(result.split(MASK)[0])
    assert text.endswith(result.split(MASK)[-1])


def test_the_argument_after_a_password_flag_is_masked_in_a_command_line() -> None:
    assert mask(["login", "--password", "hunter2", "--user", "ada"]) == [
        "login",
        "--password",
        MASK,
        "--user",
        "ada",
    ]


def test_a_message_without_secrets_comes_back_as_the_same_bytes() -> None:
    value = {"name": "git_status", "arguments": {"repo_path": "/work/東京"}}
    encoded = orjson.dumps(value)

    assert masked(value, encoded) is encoded


def test_the_first_look_never_misses_what_the_walk_would_mask() -> None:
    for secret in (
        GITHUB_TOKEN,
        ANTHROPIC_KEY,
        AWS_KEY_ID,
        JSON_WEB_TOKEN,
        PRIVATE_KEY,
        "sk_live_" + "a" * 20,
    ):
        value = {"text": f"x {secret}"}
        assert orjson.loads(masked(value, orjson.dumps(value))) == {"text": f"x {MASK}"}


HINTED = [*HINTS.lowered, *(hint.upper() for hint in HINTS.lowered), *HINTS.cased]


def test_the_hints_of_a_text_are_exactly_those_that_stand_in_it() -> None:
    chance = random.Random(7)
    between = ("", " ", "key", "passage", "hook", "gh", "k_", "_", "x" * 40, "鍵", "api", "http:/")
    for _ in range(300):
        text = "".join(chance.choice(between) + chance.choice(HINTED) for _ in range(3))
        text = text[chance.randrange(4) : len(text) - chance.randrange(4)]
        found = HINTS.occurring_in(text.encode())
        assert found.lowered == tuple(hint for hint in HINTS.lowered if hint in text.lower())
        assert found.cased == tuple(hint for hint in HINTS.cased if hint in text)


@pytest.mark.parametrize("name", ["pa\u017fsword", "API_\u212aEY", "Pa\u017f\u017fwd", "--TO\u212aEN"])
def test_a_name_with_the_other_forms_of_its_letters_is_still_a_name(name: str) -> None:
    """To a pattern that overlooks case, a long s is an s and the sign of the kelvin a k."""
    assert "hunter22" not in mask_text(f"{name}=hunter22")


@pytest.mark.parametrize("secret", [GITHUB_TOKEN, PRIVATE_KEY, "PassWord=x", "https://a:b@c/"])
def test_a_text_is_masked_the_same_by_the_hints_of_all_texts_of_its_call(secret: str) -> None:
    values: list[object] = [{"text": f"x {secret}"}, {"apiKey": "東京"}, {"text": "nothing"}, [secret, 1]]
    of_call = HINTS.occurring_in(orjson.dumps(values))

    for value in values:
        encoded = orjson.dumps(value)
        assert masked(value, encoded, of_call) == masked(value, encoded)


def test_the_keys_of_a_member_are_told_by_its_name_however_it_is_written() -> None:
    for name in ("api.key", "api key", "API-KEY", "masterKey"):
        value = {name: "x"}
        assert orjson.loads(masked(value, orjson.dumps(value))) == {name: MASK}


@pytest.mark.parametrize(
    "unit", ["eyJ-", "password", "://a:", "-----BEGIN ", "token ", "A1b2", "--token-", "sk-"]
)
def test_a_hostile_text_is_masked_in_linear_time(unit: str) -> None:
    text = unit * (500_000 // len(unit))

    began = time.process_time()
    mask_text(text)

    assert time.process_time() - began < 5
