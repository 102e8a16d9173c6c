"""Reads the corpus of masking: forms of secrets, filled with random values, and texts without any.

A line of a file of forms is a form: `«»` holds what must not be left, `{kind:n}` becomes `n` random
characters of a kind, and `\\n`, `\\t` are what they are in Python. A line that begins with `JSON ` is a JSON
value. So the repository holds no text that looks like a secret, and each run tries other values.
"""

import json
import random
import re
import string
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent.parent / "data" / "masking"

_PLACE: Final = re.compile(r"\{([A-Za-z0-9]+)(?::([a-z0-9]+))?\}")
_SECRET: Final = re.compile("«([^»]*)»")
_ALPHABETS: Final = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digits": string.digits,
    "alnum": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "b32": string.ascii_uppercase + "234567",
    "b64": string.ascii_letters + string.digits + "+/",
    "b64url": string.ascii_letters + string.digits + "-_",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
_SYMBOLS: Final = {
    "any": "!#$%&*+-.,:;=?@^_~",
    "plain": "!#*+-._~",
    "shell": "!#%+-.,:=@^_~",
    "url": "!$*+-.,;=_~",
    "sql": "!#$%&*+-.,:;=?@^_~",
    "xml": "!#$%*+-.,:;=?@^_~",
}
_WORDS: Final = (
    "correct",
    "horse",
    "battery",
    "staple",
    "orbit",
    "velvet",
    "marble",
    "lantern",
    "copper",
    "quartz",
)

LEFT_OVER: Final = 5
"""Characters of a secret that, left in a text, count as a secret that came through."""


@dataclass(frozen=True, slots=True)
class Case:
    """A form with values: a text or JSON value, what must not be left of it, and its text without that."""

    form: str
    value: object
    secrets: tuple[str, ...]
    around: str

    def left_in(self, masked: object) -> list[str]:
        """The secrets that are still in `masked`, whole or in part."""
        text = masked if isinstance(masked, str) else json.dumps(masked, ensure_ascii=False)
        return [secret for secret in self.secrets if self._is_left(secret, text)]

    def _is_left(self, secret: str, text: str) -> bool:
        length = min(LEFT_OVER, len(secret))
        parts = (secret[at : at + length] for at in range(len(secret) - length + 1))
        return any(part in text and part not in self.around for part in parts)


def forms(name: str) -> list[str]:
    """The lines of a file of the corpus."""
    lines = (DATA / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def innocents(name: str) -> list[object]:
    """The texts and JSON values of a file that have no secret."""
    return [_read(line) for line in forms(name)]


def cases(name: str, seed: int) -> Iterator[Case]:
    """Each form of a file with the random values of `seed`."""
    chance = random.Random(seed)
    for form in forms(name):
        yield case_of(form, chance)


def case_of(form: str, chance: random.Random) -> Case:
    """A form with values drawn from `chance`."""
    filled = _PLACE.sub(lambda place: _drawn(place[1], place[2], chance), form)
    value = _read(_SECRET.sub(r"\1", filled))
    around = json.dumps(_read(_SECRET.sub("", filled)), ensure_ascii=False)
    secrets = tuple(_unescaped(secret) for secret in _SECRET.findall(filled))
    return Case(form, value, secrets, around)


def _read(line: str) -> object:
    if line.startswith("JSON "):
        text = line.removeprefix("JSON ")
        try:
            value: object = json.loads(text)
        except json.JSONDecodeError:
            value = json.loads(
                re.sub(r"([:,\[{])\s*([,}\]])", r'\1 ""\2', text)
            )  # a number that is taken out
        return value
    return _unescaped(line)


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _drawn(kind: str, size: str | None, chance: random.Random) -> str:
    match kind:
        case "uuid":
            return str(uuid.UUID(int=chance.getrandbits(128), version=4))
        case "phrase":
            return " ".join(chance.sample(_WORDS, int(size or 4)))
        case "pass":
            return _password(_SYMBOLS[size or "any"], chance)
        case _:
            return "".join(chance.choice(_ALPHABETS[kind]) for _ in range(int(size or 1)))


def _password(symbols: str, chance: random.Random) -> str:
    """A password as a person or a password manager makes it: 10 to 16 characters, two symbols inside."""
    size = chance.randrange(10, 17)
    characters = [chance.choice(_ALPHABETS["alnum"]) for _ in range(size)]
    for at in chance.sample(range(2, size - 1), 2):
        characters[at] = chance.choice(symbols)
    return "".join(characters)
