"""Replaces keys, tokens, passwords and cloud credentials inside JSON and texts before they are stored."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Final, TypeVar

from services.core.json_codec import write_json
from services.secrets.commands import masked_arguments, without_command_secrets
from services.secrets.known_forms import SHORTEST, without_known_forms
from services.secrets.names import Kind, kind_of, words
from services.secrets.texts import without_named_secrets
from services.secrets.urls import without_url_secrets
from services.secrets.values import MASK, is_placeholder, is_random, is_secret_member, is_secret_word

__all__ = ["MASK", "mask", "mask_all", "mask_key", "mask_text", "masked", "off_the_loop"]

LARGE: Final = 20_000
"""Characters or bytes from which masking is left to a thread; less takes under 5 ms."""

_SIGN: Final = re.compile(r"[^\w.-]")

T = TypeVar("T")

_NAMES: Final = (
    "name",
    "key",
    "label",
    "field",
    "header",
    "variable",
    "id",
    "Name",
    "Key",
    "parameterkey",
    "setting",
)
_VALUES: Final = (
    "value",
    "val",
    "content",
    "secret",
    "text",
    "data",
    "parametervalue",
    "default",
    "defaultvalue",
)
_PAIR_NAMES: Final = frozenset(
    spelled for name in _NAMES for spelled in (name, name.lower(), name.capitalize(), name.upper())
) | {"ParameterKey", "parameterKey"}
_PAIR_VALUES: Final = frozenset(
    spelled for name in _VALUES for spelled in (name, name.capitalize(), name.upper())
) | {"ParameterValue", "parameterValue", "defaultValue", "DefaultValue"}
_SCHEMA: Final = words("$ref anyOf oneOf allOf enum description properties items const pattern schema")
_SCHEMA_TYPES: Final = frozenset(["string", "object", "array", "integer", "number", "boolean", "null"])
_OPEN_MEMBERS: Final = words(
    "type kind username user login name email description title label enabled host hostname port url "
    "uri id path provider region scheme method mode format algorithm created updated expires version "
    "status scope scopes issuer audience domain role roles database engine namespace key required"
)
"""Members of an object of secrets that are none themselves."""


def mask(value: object) -> object:
    """A copy of a JSON value without its secrets; names, the shape and what is no secret stay."""
    return mask_all([value])[0]


def mask_text(text: str) -> str:
    """`text` without the secrets that stand in it."""
    return _masked_text(without_known_forms([text])[0])


def mask_key(text: str) -> str:
    """The same for what rows are told apart by: texts that differ still do, by a digest behind the mask."""
    hidden = mask_text(text)
    return hidden if hidden == text else f"{hidden} {_digest(text)}"


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=6).hexdigest()


async def off_the_loop(size: int, work: Callable[..., T], *arguments: object) -> T:
    """`work(*arguments)`, which masks about `size` characters: in a thread where they are many."""
    return await asyncio.to_thread(work, *arguments) if size >= LARGE else work(*arguments)


def mask_all(values: Sequence[object]) -> list[object]:
    """`mask` for each of many values, which share one search for the forms of credentials.

    Each value is masked as it would be by itself.
    """
    texts: list[str] = []
    for value in values:
        _collect(value, texts)
    shown = without_known_forms(texts)
    if shown == texts:
        return [_masked(value, None) for value in values]
    rest = iter(shown)
    return [_masked(_replaced(value, rest), None) for value in values]


def masked(value: object, encoded: bytes) -> bytes:
    """`encoded` (the JSON text of `value`, its names sorted) with every secret replaced by `[masked]`.

    What has no secret comes back as the very bytes that were given.
    """
    hidden = mask(value)
    return encoded if hidden == value else write_json(hidden, sort=True)


def _collect(value: object, texts: list[str]) -> None:
    """All texts of a value that may be a credential, in the order in which `_replaced` puts them back."""
    if isinstance(value, str):
        if len(value) >= SHORTEST:
            texts.append(value)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, texts)
    elif isinstance(value, list):
        for item in value:
            _collect(item, texts)


def _replaced(value: object, texts: Iterator[str]) -> object:
    if isinstance(value, str):
        return next(texts) if len(value) >= SHORTEST else value
    if isinstance(value, dict):
        return {name: _replaced(item, texts) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, texts) for item in value]
    return value


def _masked_text(text: str) -> str:
    if _SIGN.search(text) is None:
        return text  # a word
    text = without_url_secrets(text)
    text = without_command_secrets(text)
    return without_named_secrets(text)


def _masked(value: object, kind: Kind | None) -> object:
    """A value without its secrets; `kind` is what the name of the object around says of all in it."""
    if isinstance(value, str):
        return _masked_member(value, kind) if kind is not None else _masked_text(value)
    if isinstance(value, dict):
        return _masked_object(value, kind)
    if isinstance(value, list):
        return _masked_list(value, kind)
    return value


def _masked_member(value: object, kind: Kind) -> object:
    """The value of a member whose name tells of a secret."""
    if isinstance(value, str):
        return MASK if is_secret_member(value, kind) else _masked_text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return MASK if kind is Kind.PASSWORD or (kind is Kind.SECRET and abs(value) >= 1000) else value
    if isinstance(value, dict) and _is_schema(value):
        return _masked_object(value, None)
    return _masked(value, kind)


def _masked_object(value: Mapping[str, object], kind: Kind | None) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, item in value.items():
        own = kind_of(name)
        if own is None and kind is not None and isinstance(item, str | list | dict):
            own = None if name.lower() in _OPEN_MEMBERS else kind
        if name.lower() in ("authorization", "proxy-authorization", "cookie", "set-cookie") and isinstance(
            item, str
        ):
            result[name] = _masked_header(name, item)
            continue
        result[name] = _masked(item, None) if own is None else _masked_member(item, own)
    if len(value) > 1:
        _mask_pair(value, result)
        _mask_arguments(value, result)
        _mask_web_key(value, result)
    return result


def _masked_header(name: str, value: str) -> str:
    if is_placeholder(value):
        return value
    if "cookie" in name.lower():
        return MASK if "${" not in value and is_secret_member(value, Kind.SECRET) else _masked_text(value)
    scheme, space, rest = value.partition(" ")
    if space and scheme.replace("-", "").isalnum() and rest:
        if is_placeholder(rest):
            return value
        shown = _masked_text(f"{name}: {value}")[len(name) + 2 :]
        if shown != value or " " in rest or rest.isalpha():
            return shown
        return f"{scheme} {MASK}"
    return MASK if is_secret_member(value, Kind.SECRET) else value


def _mask_pair(value: Mapping[str, object], result: dict[str, object]) -> None:
    """`{"name": "DB_PASSWORD", "value": "..."}`: the value is that of a member of this name."""
    if _PAIR_VALUES.isdisjoint(value) or _PAIR_NAMES.isdisjoint(value):
        return
    lowered = {name.lower(): name for name in value}
    name = next((value[lowered[key]] for key in map(str.lower, _NAMES) if key in lowered), None)
    if not isinstance(name, str):
        return
    kind = kind_of(name)
    if kind is None:
        return
    for key in _VALUES:
        if key in lowered and not isinstance(value[lowered[key]], bool | None):
            item = value[lowered[key]]
            if isinstance(item, str) and name.lower() in (
                "authorization",
                "cookie",
                "set-cookie",
                "proxy-authorization",
            ):
                result[lowered[key]] = _masked_header(name, item)
            elif not (isinstance(item, dict) and _is_schema(item)):
                result[lowered[key]] = _masked_member(item, kind)


def _mask_arguments(value: Mapping[str, object], result: dict[str, object]) -> None:
    """`{"command": "mysql", "args": ["-p..."]}`."""
    arguments, program = value.get("args"), value.get("command")
    if isinstance(arguments, list) and isinstance(program, str) and isinstance(result["args"], list):
        hidden = masked_arguments(arguments, program)
        result["args"] = [
            two if two != given else one
            for one, two, given in zip(result["args"], hidden, arguments, strict=True)
        ]


def _mask_web_key(value: Mapping[str, object], result: dict[str, object]) -> None:
    """The private members of a JSON Web Key (RFC 7518, section 6), a Docker login, a Kubernetes secret."""
    if isinstance(value.get("kty"), str):
        for name in ("d", "p", "q", "dp", "dq", "qi", "k"):
            if isinstance(value.get(name), str):
                result[name] = MASK
    if value.get("kind") == "Secret":
        for name in ("data", "stringData"):
            if isinstance(data := value.get(name), dict):
                result[name] = {
                    key: MASK if isinstance(item, str) and item else item for key, item in data.items()
                }


def _is_schema(value: Mapping[str, object]) -> bool:
    """Whether an object describes a value (JSON Schema, OpenAPI) and holds none."""
    return value.get("type") in _SCHEMA_TYPES or not _SCHEMA.isdisjoint(value)


def _masked_list(values: list[object], kind: Kind | None) -> list[object]:
    """A list without its secrets; `["--password", "x"]`, a command line, loses the `x`."""
    result = [_masked(value, kind) for value in values]
    if len(values) < 2 or not isinstance(values[0], str):
        return result
    for position in range(len(values) - 1):
        flag, value = values[position], values[position + 1]
        if isinstance(flag, str) and isinstance(value, str) and flag.startswith("-"):
            own = kind_of(flag.lstrip("-"))
            if (
                own is not None
                and not value.startswith("-")
                and "=" not in flag
                and is_secret_member(value, own)
            ):
                result[position + 1] = MASK
    first, second = values[0], values[1]
    if len(values) == 2 and isinstance(second, str):
        own = kind_of(first)
        if own is not None:
            if first.lower() in ("authorization", "cookie", "set-cookie"):
                result[1] = _masked_header(first, second)
            elif is_random(second, 8) or (
                is_secret_word(second, own, tight=True, shouted=True) and not second.isalpha()
            ):
                result[1] = MASK
    hidden = masked_arguments(values)
    return [two if two != given else one for one, two, given in zip(result, hidden, values, strict=True)]
