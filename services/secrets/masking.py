"""Replaces keys, tokens, passwords and cloud credentials inside JSON before it is stored."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final

import orjson

MASK: Final = "[masked]"

_USUAL_NAME: Final = 64
"""Characters; messages name the same members again and again, and longer names are not kept."""

_SENSITIVE_NAME: Final = re.compile(
    r"(?:passwords?|passwd|passphrase|pwd|secrets?|tokens?|credentials?|authorization|cookies?"
    r"|(?:api|access|secret|private|account|signing|encryption|master)keys?|connectionstring)$"
)
_HARMLESS_NAME: Final = re.compile(
    r"(?:progress|page|next|previous|cursor|continuation|cancel|cancellation|stop)tokens?$"
)
_ASSIGNABLE: Final = (
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|secret|private|account|signing|encryption|master)[_-]?key)"
)

_ASSIGNABLE_STEMS: Final = ("passw", "passphrase", "pwd", "secret", "token", "credential", "key")
"""Each name of `_ASSIGNABLE` contains one of them."""

_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_TOKEN_FORMS: Final = {
    "sk-": r"sk-[A-Za-z0-9_-]{16,}",  # Anthropic, OpenAI
    "k_live_": r"[srp]k_live_[A-Za-z0-9]{10,}",  # Stripe
    "k_test_": r"[srp]k_test_[A-Za-z0-9]{10,}",
    "gho_": r"gho_[A-Za-z0-9]{20,}",  # GitHub
    "ghp_": r"ghp_[A-Za-z0-9]{20,}",
    "ghr_": r"ghr_[A-Za-z0-9]{20,}",
    "ghs_": r"ghs_[A-Za-z0-9]{20,}",
    "ghu_": r"ghu_[A-Za-z0-9]{20,}",
    "github_pat_": r"github_pat_[A-Za-z0-9_]{20,}",
    "glpat-": r"glpat-[A-Za-z0-9_-]{16,}",  # GitLab
    "npm_": r"npm_[A-Za-z0-9]{30,}",
    "pypi-": r"pypi-[A-Za-z0-9_-]{30,}",
    "hf_": r"hf_[A-Za-z0-9]{20,}",  # Hugging Face
    "xox": r"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    "xapp-": r"xapp-[A-Za-z0-9-]{10,}",
    "AKIA": r"AKIA[A-Z0-9]{16}",  # AWS
    "ASIA": r"ASIA[A-Z0-9]{16}",
    "AIza": r"AIza[A-Za-z0-9_-]{30,}",  # Google
    "ya29.": r"ya29\.[A-Za-z0-9_-]{20,}",
    "SG.": r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    "dop_v1_": r"dop_v1_[a-f0-9]{40,}",  # DigitalOcean
    "AGE-SECRET-KEY-": r"AGE-SECRET-KEY-[A-Z0-9]{20,}",
    "eyJ": r"(?<!-)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON Web Token
}
"""Credentials that show by their own form, each with a text that every one of them contains."""

# The `(?<!-)` lets a run of "eyJ-eyJ-..." be read once instead of once for each of its parts.
_KNOWN_TOKEN: Final = re.compile(rf"\b(?:{'|'.join(_TOKEN_FORMS.values())})")
_AFTER_SCHEME: Final = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_URL_PASSWORD: Final = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")
_URL_HOOK: Final = re.compile(
    r"(://hooks\.slack\.com/\w+/|://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/)[\w/-]+"
)
_URL_SIGNATURE: Final = re.compile(r"([?&;]sig=)[^&\s\"']+", re.IGNORECASE)
_COOKIE_HEADER: Final = re.compile(r"\b((?:set-)?cookie:[ \t]*)\S[^\r\n]*", re.IGNORECASE)
_ASSIGNMENT: Final = re.compile(
    rf"({_ASSIGNABLE})(\\?[\"']?\s*[=:]\s*)(\\?\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&}}\])]+)", re.IGNORECASE
)
_FLAG: Final = re.compile(
    rf"((?<![\w-])--[a-z-]{{0,40}}?{_ASSIGNABLE}[ \t]+)(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'-]\S*)", re.IGNORECASE
)


_ROOTS: Final = ("key", "pass", "hooks", "gh", "k_")
"""Texts that many hints have in common; a hint has one of them once."""


@dataclass(frozen=True)
class Hints:
    """Texts of which every secret carries one; `lowered` ones in upper or lower case.

    Of the texts of a whole call those that occur in none are left out at once (`occurring_in`), so that each
    message and log entry need not be searched for all of them.
    """

    lowered: tuple[str, ...]
    cased: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lowered or self.cased)

    def occurring_in(self, encoded: bytes) -> "Hints":
        """Those of them that occur in a JSON text or another one in UTF-8."""
        if not self:
            return self
        # Hints are ASCII; as Latin-1 a text is searched three times as fast as its bytes are.
        cased = encoded.decode("latin-1")
        lowered = encoded.lower().decode("latin-1") if self.lowered else ""
        return Hints(tuple(_occurring(self.lowered, lowered)), tuple(_occurring(self.cased, cased)))

    def occur_in(self, text: str) -> bool:
        """Whether any of them may occur in a text, which they do in few."""
        return self._any.search(text) is not None

    @cached_property
    def _any(self) -> re.Pattern[str]:
        hints = [f"(?i:{re.escape(hint)})" for hint in self.lowered]
        return re.compile("|".join([*hints, *map(re.escape, self.cased)]))


def _occurring(hints: tuple[str, ...], text: str) -> Iterator[str]:
    """Those of `hints` that occur in `text`; one search for a root serves all that have it."""
    for root, family in _families(hints):
        if len(family) == 1:
            yield from (hint for hint in family if hint in text)
        elif root in text:
            around = _surroundings(text, root, max(map(len, family)))
            yield from (hint for hint in family if hint in around)


@lru_cache(100)
def _families(hints: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`hints` by the root that they have in common; one without is a family by itself."""
    families: defaultdict[str, list[str]] = defaultdict(list)
    for hint in hints:
        families[next((root for root in _ROOTS if root in hint), hint)].append(hint)
    return tuple((root, tuple(family)) for root, family in families.items())


def _surroundings(text: str, root: str, reach: int) -> str:
    """What stands at most `reach` characters around each `root` in `text`."""
    return "\n".join(
        f"{before[-reach:]}{root}{behind[:reach]}" for before, behind in pairwise(text.split(root))
    )


HINTS: Final = Hints(
    lowered=(
        *("passw", "passphrase", "pwd", "secret", "token", "credential", "authorization", "cookie"),
        *("connection", "private", "bearer", "basic", "sig=", "hooks.", "webhooks"),
        *(
            f"{kind}{between}key"
            for kind in ("api", "access", "account", "signing", "encryption", "master")
            for between in ("", "_", "-", " ", ".")
        ),
    ),
    cased=(*_TOKEN_FORMS, "://"),
)
"""What every text that is masked has in it."""

NO_HINTS: Final = Hints((), ())


def masked(value: object, encoded: bytes, hints: Hints = HINTS) -> bytes:
    """`encoded` (the JSON text of `value`) with every secret replaced by `[masked]`.

    Secrets are recognised by the name of their member (decision 27: keys, tokens, passwords) and by
    their own form. Most messages carry none: those come back as the very bytes that were given. `hints` are
    those that occur in the call at all.
    """
    occurring = hints.occurring_in(encoded)
    if not occurring:
        return encoded
    return orjson.dumps(mask(value, occurring), option=orjson.OPT_SORT_KEYS)


def may_hold_secret(encoded: bytes) -> bool:
    """The cheap first look that spares most messages the walk: every masked text carries a hint."""
    return bool(HINTS.occurring_in(encoded))


def mask(value: object, hints: Hints = HINTS) -> object:
    """A copy of a JSON value without its secrets; names, numbers and the shape stay.

    `hints` are those that occur in the value at all.
    """
    if isinstance(value, str):
        return mask_text(value) if hints.occur_in(value) else value
    if isinstance(value, dict):
        return {
            name: _mask_member(name, item, hints) if is_sensitive_name(name) else mask(item, hints)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return _mask_list(value, hints)
    return value


def mask_text(text: str) -> str:
    """`text` without the secrets that stand in it: known token forms, URL passwords, `password=...`."""
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(MASK, text)
    text = _KNOWN_TOKEN.sub(MASK, text)
    text = _AFTER_SCHEME.sub(rf"\1\2{MASK}", text)
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
        text = _URL_HOOK.sub(rf"\1{MASK}", text)
        text = _URL_SIGNATURE.sub(rf"\1{MASK}", text)
    if ":" in text or "=" in text:
        text = _COOKIE_HEADER.sub(rf"\1{MASK}", text)
        if _may_assign(text):
            text = _ASSIGNMENT.sub(_mask_assignment, text)
    if "--" in text and _may_assign(text):
        text = _FLAG.sub(rf"\1{MASK}", text)
    return text


def _may_assign(text: str) -> bool:
    """Whether a name of `_ASSIGNABLE` may occur, at a fraction of the price of searching for one.

    Beyond ASCII a letter can have other forms than its capital: the long s is an s to a pattern.
    """
    lowered = text.lower()
    return not text.isascii() or any(stem in lowered for stem in _ASSIGNABLE_STEMS)


def is_sensitive_name(name: str) -> bool:
    """Whether a member of this name holds a secret: `apiKey`, `AWS_SECRET_KEY`, not `progressToken`."""
    return _is_sensitive(name) if len(name) <= _USUAL_NAME else _is_sensitive.__wrapped__(name)


@lru_cache(10_000)
def _is_sensitive(name: str) -> bool:
    plain = name.replace("_", "").replace("-", "").replace(" ", "").replace(".", "").lower()
    return _SENSITIVE_NAME.search(plain) is not None and _HARMLESS_NAME.search(plain) is None


def _mask_member(name: str, value: object, hints: Hints) -> object:
    """The value of a sensitive member: texts go whole, a JSON schema's `password` keeps its shape."""
    if isinstance(value, str):
        return MASK if value else value
    if isinstance(value, list):
        return [_mask_member(name, item, hints) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if "token" in name.lower() else MASK  # `input_tokens: 250` is a count
    return mask(value, hints)


def _mask_list(values: list[object], hints: Hints) -> list[object]:
    """A list without its secrets; `["--password", "x"]`, a command line, loses the `x`."""
    result = [mask(value, hints) for value in values]
    for position, (flag, value) in enumerate(pairwise(values)):
        if (
            isinstance(flag, str)
            and isinstance(value, str)
            and flag.startswith("--")
            and is_sensitive_name(flag)
        ):
            result[position + 1] = MASK
    return result


def _mask_assignment(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    before = found.string[max(0, found.start() - 16) : found.start()]
    if _HARMLESS_NAME.search((before + name).replace("_", "").replace("-", "").lower()):
        return found[0]
    opening = re.match(r"\\?[\"']?", value)
    quote = opening[0] if opening else ""
    return f"{name}{between}{quote}{MASK}{quote}"
