"""Replaces keys, tokens, passwords and cloud credentials inside JSON and texts before they are stored."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
_HEADERS: Final = words("authorization proxy-authorization cookie set-cookie")
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

    Each value is masked as it would be by itself. A text that stands in them more than once, as in the lines
    of a transcript, is looked at once.
    """
    texts: dict[str, None] = {}
    _collect(values, texts)
    given = list(texts)
    shown = without_known_forms(given)
    masker = _Masker()
    if shown == given:
        return [masker.value(value, None) for value in values]
    changed = {text: hidden for text, hidden in zip(given, shown, strict=True) if hidden != text}
    return [masker.value(_replaced(value, changed), None) for value in values]


def masked(value: object, encoded: bytes) -> bytes:
    """`encoded` (the JSON text of `value`, its names sorted) with every secret replaced by `[masked]`.

    What has no secret comes back as the very bytes that were given.
    """
    hidden = mask(value)
    return encoded if hidden == value else write_json(hidden, sort=True)


def _collect(items: Iterable[object], texts: dict[str, None]) -> None:
    """All texts in these values that may be a credential, each once."""
    for item in items:
        if isinstance(item, str):
            if len(item) >= SHORTEST:
                texts[item] = None
        elif isinstance(item, dict):
            _collect(item.values(), texts)
        elif isinstance(item, list):
            _collect(item, texts)


def _replaced(value: object, changed: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return changed.get(value, value)
    if isinstance(value, dict):
        return {name: _replaced(item, changed) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, changed) for item in value]
    return value


def _masked_text(text: str) -> str:
    if _SIGN.search(text) is None:
        return text  # a word
    text = without_url_secrets(text)
    text = without_command_secrets(text)
    return without_named_secrets(text)


class _Masker:
    """Masks the values of one call, and remembers the texts that it has masked."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._names: dict[str, tuple[Kind | None, bool, bool]] = {}

    def text(self, text: str) -> str:
        """A text without its secrets."""
        hidden = self._texts.get(text)
        if hidden is None:
            hidden = self._texts[text] = _masked_text(text)
        return hidden

    def _name(self, name: str) -> tuple[Kind | None, bool, bool]:
        """The kind of a member by its name, and whether it is open among secrets, and a header."""
        lowered = name.lower()
        known = (kind_of(name), lowered in _OPEN_MEMBERS, lowered in _HEADERS)
        self._names[name] = known
        return known

    def value(self, value: object, kind: Kind | None) -> object:
        """A value without its secrets; `kind` is what the name of the object around says of all in it."""
        if isinstance(value, str):
            return self.member(value, kind) if kind is not None else self.text(value)
        if isinstance(value, dict):
            return self._object(value, kind)
        if isinstance(value, list):
            return self._list(value, kind)
        return value

    def member(self, value: object, kind: Kind) -> object:
        """The value of a member whose name tells of a secret."""
        if isinstance(value, str):
            return MASK if is_secret_member(value, kind) else self.text(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return MASK if kind is Kind.PASSWORD or (kind is Kind.SECRET and abs(value) >= 1000) else value
        if isinstance(value, dict) and _is_schema(value):
            return self._object(value, None)
        return self.value(value, kind)

    def _object(self, value: Mapping[str, object], kind: Kind | None) -> dict[str, object]:
        result: dict[str, object] = {}
        for name, item in value.items():
            own, is_open, is_header = self._names.get(name) or self._name(name)
            if is_header and isinstance(item, str):
                result[name] = self._header(name, item)
            elif own is not None:
                result[name] = self.member(item, own)
            elif kind is not None and not is_open and isinstance(item, str | list | dict):
                result[name] = self.member(item, kind)
            elif isinstance(item, str):
                hidden = self._texts.get(item)
                result[name] = self.text(item) if hidden is None else hidden
            else:
                result[name] = self.value(item, None)
        if len(value) > 1:
            self._pair(value, result)
            self._arguments(value, result)
            self._web_key(value, result)
        return result

    def _header(self, name: str, value: str) -> str:
        if is_placeholder(value):
            return value
        if "cookie" in name.lower():
            return MASK if "${" not in value and is_secret_member(value, Kind.SECRET) else self.text(value)
        scheme, space, rest = value.partition(" ")
        if space and scheme.replace("-", "").isalnum() and rest:
            if is_placeholder(rest):
                return value
            shown = self.text(f"{name}: {value}")[len(name) + 2 :]
            if shown != value or " " in rest or rest.isalpha():
                return shown
            return f"{scheme} {MASK}"
        return MASK if is_secret_member(value, Kind.SECRET) else value

    def _pair(self, value: Mapping[str, object], result: dict[str, object]) -> None:
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
                if isinstance(item, str) and name.lower() in _HEADERS:
                    result[lowered[key]] = self._header(name, item)
                elif not (isinstance(item, dict) and _is_schema(item)):
                    result[lowered[key]] = self.member(item, kind)

    def _arguments(self, value: Mapping[str, object], result: dict[str, object]) -> None:
        """`{"command": "mysql", "args": ["-p..."]}`."""
        arguments, program = value.get("args"), value.get("command")
        if isinstance(arguments, list) and isinstance(program, str) and isinstance(result["args"], list):
            hidden = masked_arguments(arguments, program)
            result["args"] = [
                two if two != given else one
                for one, two, given in zip(result["args"], hidden, arguments, strict=True)
            ]

    def _web_key(self, value: Mapping[str, object], result: dict[str, object]) -> None:
        """The private members of a JSON Web Key (RFC 7518, section 6) and of a Kubernetes secret."""
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

    def _list(self, values: list[object], kind: Kind | None) -> list[object]:
        """A list without its secrets; `["--password", "x"]`, a command line, loses the `x`."""
        result = [self.value(value, kind) for value in values]
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
                    result[1] = self._header(first, second)
                elif is_random(second, 8) or (
                    is_secret_word(second, own, tight=True, shouted=True) and not second.isalpha()
                ):
                    result[1] = MASK
        hidden = masked_arguments(values)
        return [two if two != given else one for one, two, given in zip(result, hidden, values, strict=True)]


def _is_schema(value: Mapping[str, object]) -> bool:
    """True if an object describes a value (JSON Schema, OpenAPI) and holds none."""
    return value.get("type") in _SCHEMA_TYPES or not _SCHEMA.isdisjoint(value)
