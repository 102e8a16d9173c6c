"""Masks the secrets in a text by the names before them: assignments, headers, configuration, prose."""

import re
from functools import lru_cache
from typing import Final

from services.secrets.names import Kind, kind_of
from services.secrets.stems import STEM
from services.secrets.values import (
    MASK,
    is_placeholder,
    is_prose,
    is_random,
    is_secret_literal,
    is_secret_word,
)

_LONGEST_NAME: Final = 60
_LONGEST_QUOTED: Final = 20_000

_NAME_AFTER: Final = re.compile(r"[\w-]*")
_KEY_ALONE: Final = re.compile(
    r"(?:keys?|キー|tokens?|トークン|secret|id|password|string|code|パスワード)$", re.IGNORECASE
)
_WORD_BEFORE: Final = re.compile(r"([A-Za-z]{2,14})[ ]$")

# What stands between a name and its value. `close` ends the place in which the name stands.
_SIGN: Final = re.compile(
    r"(?P<close>\\*[\"'`」』]?(?:[ \t]?[\])]{1,2})?|\*{1,2})(?P<gap>[ \t\u3000]*)"
    r"(?P<sign>:=|=>|->|=(?![=~])|:(?![:=])|：|＝|(?:は|が)[、 ]?|(?:is|was|are|ist|est|es)(?=[ \t:])[ \t]*:?"
    r"|\]\s*=|>|,|\()?"
    r"(?:(?<=:)[ \t]*(?:\?|&'?\w*[ \t]?)?(?:str|string|String|Secret\w*|bytes)"
    r"(?:[ \t]*\|[ \t]*\w+)?[ \t]*=(?!=))?"
    r"(?P<gap2>[ \t\u3000]*)"
)
_TYPED: Final = re.compile(r"[ \t]+(?:\*?string|String|str|char\s*\[\]|\[\]byte)[ \t]*:?=[ \t]*")
_LITERAL_PREFIX: Final = re.compile(r"(?:[bBrRuUfF@]|[rR][bB]|[bB][rR])(?=\\*[\"'`])|base64:")
_OPENING: Final = re.compile(r"\\*[\"'`]|[「『“]")
_LOOKED_AT_OF_WORD: Final = 300
"""Characters of a run by which it is judged; as many as `_WORD` takes."""
_WORD: Final = re.compile(r"[^\s\"'`<>「」『』]{1,300}")
_REST_OF_RUN: Final = re.compile(r"[^\s\"'`<>]*")
_ANOTHER_MEMBER: Final = re.compile(
    r"&[\w.%\[\]-]{1,60}=|;(?=\s|$|[A-Za-z][\w ]{0,40}=)|,(?=\s|$|[\w.-]{1,60}[=:])|\\[nrt]|\\?$"
)
_AT_END: Final = re.compile(r"[ \t]*(?:$|[-|&;>\n\\\"'`])")
_PHRASE: Final = re.compile(r"[a-z]{3,12}(?:[ -][a-z]{3,12}){2,7}[ \t]*(?=$|\n|\r)")
_BLOCK: Final = re.compile(r"[|>][-+]?\d?[ \t]*(?:\r?\n)((?:[ \t]+[^\n]*(?:\n|$)){1,20})")
_REST_OF_BLOCK: Final = re.compile(r"(?:[ \t]+[^\n]*(?:\n|$))*")
_ANOTHER_NAME: Final = re.compile(r"([\w.-]{2,40}?)(?::=|[:=])[^=]")
_INDENTED: Final = re.compile(r"^([ \t]*)(\S[^\n]*)", re.MULTILINE)

_SCHEME: Final = re.compile(
    r"(?:bearer|basic|token|bot|apikey|api-key|key|geniekey|negotiate|ntlm|sharedkey(?:lite)?|hawk|oauth|splunk"
    r"|jwt|klaviyo-api-key|ssws|pveapitoken|snowflake|client|accesskey|x-api-key|zoho-oauthtoken"
    r"|deepl-auth-key)[ =]+",
    re.IGNORECASE,
)
_ANY_SCHEME: Final = re.compile(r"[A-Za-z][\w-]{1,30} +")
_PARTS: Final = re.compile(
    r"(?i)(\b(?:response|signature|mac|oauth_signature|oauth_token|nonce|cnonce)=\"?)([^\",\s]{6,})"
)
_AFTER_SCHEME: Final = re.compile(r"\b(bearer|basic)([ \t]+)([A-Za-z0-9._~+/=:|-]{8,})", re.IGNORECASE)
_COOKIES: Final = re.compile(r"[\w!#$%&*+.^|~-]{1,100}=[^\s;]")

_PAIR: Final = re.compile(
    r"\b(?:name|key|id|label|field|variable|param|parameterkey|setting)"
    r"\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?([\w.:-]{2,60})\\?[\"']?"
    r"(?:[,;]|[ \t]+\w{1,20}=[\"'][^\"'<>\n]{0,60}[\"']){0,3}\s{1,40}\\?[\"']?"
    r"(?:value|val|content|parametervalue|default)\\?[\"']?\s{0,3}[:=]\s{0,3}",
    re.IGNORECASE,
)
_ELEMENT: Final = re.compile(
    r"<\w{1,20} (?:name|key|id|type)=[\"']([\w.:-]{2,60})[\"'][^<>\n]{0,60}>(?=[^<\s])"
)
_INPUT: Final = re.compile(
    r"<input\b[^<>]{0,200}?type=[\"'](password)[\"'][^<>]{0,200}?\bvalue=", re.IGNORECASE
)
_PGPASS: Final = re.compile(
    r"^([\w.*-]{1,100}:(?:\d{1,5}|\*):[\w*-]{1,60}:[\w*-]{1,60}:)(\S{4,200})$", re.MULTILINE
)
_PORT: Final = re.compile(r":(?:\d{1,5}|\*):")
_MEMBER: Final = re.compile(r"(?:val|value|content|default)\\?[\"']?\s{0,3}[:=]")
"""What stands in each of `_PGPASS` and, in lower case, of `_PAIR`, and is found quickly."""
_LOGIN: Final = re.compile(
    r"((?:パスワード|password|pass|pw)\s*[/／]?\s*[:：]\s*[\w.@-]{1,60}\s*[/／]\s*)(\S{4,100})", re.IGNORECASE
)
_SQL: Final = re.compile(
    r"(\bidentified\s{1,4}(?:with\s{1,4}\w{1,60}\s{1,4})?(?:by|as)\s{1,4}(?:password\s{1,4})?)'((?:[^'\n]|''){1,500})'",
    re.IGNORECASE,
)
_SCRIPT: Final = re.compile(r"^\s*(?:machine|login|default)\b", re.MULTILINE | re.IGNORECASE)


def without_named_secrets(text: str) -> str:
    """`text` with what stands behind the names of secrets masked, where it looks like one."""
    lowered = _lowered(text)
    if STEM.search(lowered) is None:
        return _PGPASS.sub(_pgpass, text) if _PORT.search(text) else text
    if "bearer" in lowered or "basic" in lowered:
        text = _AFTER_SCHEME.sub(_after_scheme, text)
    if "identified" in lowered:
        text = _SQL.sub(_sql, text)
    if (" / " in text or "／" in text) and ("pass" in lowered or "パス" in text):
        text = _LOGIN.sub(_login, text)
    if ("value" in lowered or "content" in lowered) and _MEMBER.search(lowered):
        text = _without_pairs(_PAIR, text)
    if "</" in text and "=" in text:
        text = _without_pairs(_ELEMENT, text)
    if "<input" in lowered:
        text = _without_pairs(_INPUT, text)
    if _PORT.search(text):
        text = _PGPASS.sub(_pgpass, text)
    return _Assignments(text).masked()


def _lowered(text: str) -> str:
    """The text in lower case, of the same length."""
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "I").replace("\u017f", "s").lower()


class _Assignments:
    """One walk over a text, from name to name."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lowered = _lowered(text)
        self._pieces: list[str] = []
        self._done = 0

    def masked(self) -> str:
        position = 0
        while (found := STEM.search(self._lowered, position)) is not None:
            position = max(self._name_at(found.start(), found.end()), found.end())
        self._pieces.append(self._text[self._done :])
        return "".join(self._pieces)

    def _hide(self, start: int, end: int, shown: str = MASK) -> int:
        self._pieces += [self._text[self._done : start], shown]
        self._done = end
        return end

    def _name_at(self, start: int, end: int) -> int:
        """Look at the name around a stem; where to go on."""
        text = self._text
        first = max(self._done, start - _LONGEST_NAME)
        left = _name_begins(text, first, start)
        after = _NAME_AFTER.match(text, end, end + _LONGEST_NAME)
        right = after.end() if after else end
        if text[left:right].isascii() is False:
            right = self._end_of_foreign(end, right)
        while left < start and text[left] in ".-$" and not text.startswith("--", left):
            left += 1
        name = text[left:right]
        is_flag = name.startswith("-")
        alone, kind = _told_by(name)
        if alone and (word := _WORD_BEFORE.search(text, max(0, left - 16), left)):
            longer = f"{word[1]} {name}"
            if kind_of(longer):
                name, kind = longer, kind_of(longer.strip("-$_"))
        if kind is None:
            return right
        return self._value_after(name, kind, left, right, is_flag=is_flag)

    def _end_of_foreign(self, end: int, right: int) -> int:
        """Japanese goes on without a space: a name ends before は, が or a quotation mark."""
        for at in range(end, right):
            if self._text[at] in "はがをのにでとも、。":
                return at
        return right

    def _value_after(self, name: str, kind: Kind, left: int, right: int, *, is_flag: bool) -> int:
        text = self._text
        typed = _TYPED.match(text, right)
        sign = _SIGN.match(text, right)
        if sign is None:
            return right
        operator = "=" if typed else (sign["sign"] or "").strip()
        at = typed.end() if typed else sign.end()
        lowered = name.lower().strip("-")
        if lowered.endswith("authorization") and operator in (":", "=", "=>", ",", "："):
            return self._authorization(at) or right
        if (lowered in ("cookie", "set-cookie", "cookie2") and operator in (":", "=")) or (
            is_flag and lowered == "cookie"
        ):
            return self._cookie(at) or right
        if operator in (":", "=", "") and (block := _BLOCK.match(text, at)) and operator:
            return self._block(block, kind) or right
        prefix = _LITERAL_PREFIX.match(text, at)
        if prefix:
            at = prefix.end()
        opening = _OPENING.match(text, at)
        tight = not sign["gap"] and not sign["gap2"] and not sign["close"]
        if opening:
            return self._quoted(opening, kind, operator, name, is_flag=is_flag) or right
        if operator == ">":
            return self._element(at, kind) or right
        if operator in ("(", ",", "->") or (not operator and not sign["gap"] and not sign["gap2"]):
            return right
        return self._unquoted(at, name, kind, operator, tight=tight, is_flag=is_flag) or right

    def _authorization(self, at: int) -> int | None:
        text = self._text
        opening = _OPENING.match(text, at)
        if opening:
            at = opening.end()
        line = text.find("\n", at, at + 4000)
        line = min(len(text), at + 4000) if line < 0 else line
        scheme = _SCHEME.match(text, at, line) or _ANY_SCHEME.match(text, at, line)
        known = _SCHEME.match(text, at, line) is not None
        if scheme is not None and not known and _PARTS.search(text, scheme.end(), line):
            return self._hide(at, line, _PARTS.sub(rf"\1{MASK}", text[at:line]))
        start = scheme.end() if scheme else at
        word = re.compile(r"[^\s\"'`\\,;)<>]{1,4000}").match(text, start, line)
        if word is None and scheme is not None:
            start, known = at, False
            word = re.compile(r"[^\s\"'`\\,;)<>]{1,4000}").match(text, at, line)
        if word is None or is_placeholder(word[0]):
            return None
        value = word[0]
        if known and opening is None and value.isalpha() and value.islower():
            return None
        sure = known and (":" in value or (len(value) >= 6 and not _is_plain(value)))
        if not sure and not is_random(value, 8) and not is_random(value.rpartition(":")[2], 8):
            return None
        end = _REST_OF_RUN.match(text, word.end())
        return self._hide(start, end.end() if end and opening is None else word.end())

    def _cookie(self, at: int) -> int | None:
        text = self._text
        opening = _OPENING.match(text, at)
        if opening:
            at = opening.end()
        if _COOKIES.match(text, at) is None or _is_shell(text, text.find("=", at) + 1):
            return None
        if opening:
            end = self._closing(opening[0], at)
            if end is not None:
                return self._hide(at, end)
        line = re.compile(r"[^\r\n\"']*").match(text, at)
        return self._hide(at, line.end() if line else len(text))

    def _block(self, block: re.Match[str], kind: Kind) -> int | None:
        lines = block[1]
        words = lines[:600].split()
        if not words or is_placeholder(lines[:600].strip()) or is_prose(lines):
            return None
        if not any(is_secret_word(word, kind, tight=False, shouted=False) for word in words[:20]):
            return None
        start, end = block.span(1)
        rest = _REST_OF_BLOCK.match(self._text, end)
        end = rest.end() if rest else end
        return self._hide(start, end, _INDENTED.sub(rf"\1{MASK}", lines, count=1).partition("\n")[0] + "\n")

    def _closing(self, quote: str, at: int) -> int | None:
        """The end of the text that `quote` opened; None where there is none."""
        text = self._text
        last = min(len(text), at + _LONGEST_QUOTED)
        mark = {"「": "」", "『": "』", "“": "”"}.get(quote, quote)
        if len(mark) > 1:  # escaped as often as the opening one
            end = text.find(mark, at, last)
            while end > 0 and text[end - 1] == "\\" and mark.startswith("\\"):
                end = text.find(mark, end + 1, last)
            return end if end >= 0 else None
        end = text.find(mark, at, last)
        while end >= 0 and _is_escaped(text, at, end):
            end = text.find(mark, end + 1, last)
        return end if end >= 0 else None

    def _quoted(
        self, opening: re.Match[str], kind: Kind, operator: str, name: str, *, is_flag: bool
    ) -> int | None:
        at = opening.end()
        end = self._closing(opening[0], at)
        newline = self._text.find("\n", at, at + _LONGEST_QUOTED if end is None else end)
        if end is None or (newline >= 0 and opening[0] != "`"):
            end = newline if newline >= 0 else min(len(self._text), at + _LONGEST_QUOTED)
        value = self._text[at:end]
        if not is_secret_literal(value, kind):
            return None
        if operator in ("", ",", "(", "is", "was", "are") and not is_flag:
            if name.lower() == "pass" and operator in ("", "is", "was", "are"):
                return None
            # Beside a name, and not assigned to it: `password "..."`, `setPassword("...")`.
            if value.isalpha() or " " in value or not is_secret_word(value, kind, tight=True, shouted=True):
                return None
            if operator == "," and kind is not Kind.PASSWORD and not is_random(value, 12):
                return None
        return self._hide(at, end)

    def _element(self, at: int, kind: Kind) -> int | None:
        """`<password>...</password>`."""
        end = self._text.find("<", at, at + 4000)
        if end < 0 or not self._text.startswith("</", end):
            return None
        value = self._text[at:end].strip()
        hidden = is_secret_literal(value, kind) and not (value.isalpha() and kind is not Kind.PASSWORD)
        return self._hide(at, end) if hidden else None

    def _unquoted(
        self, at: int, name: str, kind: Kind, operator: str, *, tight: bool, is_flag: bool
    ) -> int | None:
        text = self._text
        word = _WORD.match(text, at)
        if word is None:
            return None
        value = word[0]
        another = _ANOTHER_MEMBER.search(value)
        if another is not None and another.start() > 0:
            value = value[: another.start()]
        cut = len(word[0]) == _LOOKED_AT_OF_WORD and value == word[0]
        if not name.isascii():
            value = re.split("[\u3040-\u30ff\u4e00-\u9fff。、]", value, maxsplit=1)[0]
        while (
            value
            and value[-1] in ")]}"
            and value.count(value[-1]) > value.count({")": "(", "]": "[", "}": "{"}[value[-1]])
        ):
            value = value[:-1]
        if not value:
            return None
        another_name = _ANOTHER_NAME.match(value)
        if another_name is not None and kind_of(another_name[1]) is not None:
            return None
        if (
            kind is Kind.PASSWORD
            and operator
            and (phrase := _PHRASE.match(text, at))
            and not is_prose(phrase[0])
        ):
            return self._hide(at, at + len(phrase[0].rstrip()))
        if value.isidentifier() and text[at + len(value) : at + len(value) + 1] in (")", "]", "}", ","):
            return None  # an argument of a call
        shouted = name.isupper() or (name.upper() == name and any(c.isalpha() for c in name))
        if is_flag:
            hidden = _is_argument(value, kind, operator)
            if value.isalpha() and value.islower() and not operator:  # a word of a sentence, or the last one
                hidden = hidden and _AT_END.match(text, at + len(value)) is not None
        elif operator:
            if operator in ("is", "was", "are", "ist", "est", "es", "は", "が", "は、", "が、"):
                sure = operator[0] in "はが" or any(character.isdigit() for character in value)
                hidden = sure and is_secret_word(value.rstrip(".,。"), kind, tight=False, shouted=False)
            else:
                hidden = is_secret_word(value, kind, tight=tight, shouted=shouted)
        elif name.lower() == "pass":
            return None
        else:
            hidden = (
                self._is_directive(at, name)
                and is_secret_word(value, kind, tight=True, shouted=False)
                and not value.isalpha()
            )
        if not hidden:
            return None
        end = at + len(value)
        if cut:
            rest = _REST_OF_RUN.match(text, end)
            end = rest.end() if rest else end
        return self._hide(at, end)

    def _is_directive(self, at: int, name: str) -> bool:
        """True if name and value are a line of a configuration, or of netrc."""
        line = self._text.rfind("\n", max(0, at - 300), at) + 1
        before = self._text[max(line, at - 300) : at].strip().split()
        if not before:
            return False
        if before[0] in ("machine", "login", "default", "user", "account"):
            return True
        if len(before) == 1 and name.lower() in ("password", "passwd"):
            window = self._text[max(0, at - 300) : at]
            return _SCRIPT.search(window) is not None
        return len(before) == 1 and ("_" in name or "-" in name)


def _without_pairs(pattern: re.Pattern[str], text: str) -> str:
    """`name: DB_PASSWORD` with `value: ...` behind it, in YAML, JSON and XML: the value masked."""
    pieces = []
    position = 0
    for found in pattern.finditer(text):
        kind = kind_of(found[1].rpartition(":")[2])
        if kind is None or found.start() < position:
            continue
        at = found.end()
        opening = _OPENING.match(text, at)
        if opening:
            at = opening.end()
            end = text.find(opening[0], at, at + _LONGEST_QUOTED)
        elif text[at - 1] == ">":
            end = text.find("<", at, at + 4000)
        else:
            word = _WORD.match(text, at)
            end = word.end() if word else -1
        if end < 0 or not is_secret_literal(text[at:end].strip(), kind):
            continue
        pieces += [text[position:at], MASK]
        position = end
    return "".join([*pieces, text[position:]]) if pieces else text


@lru_cache(20_000)
def _told_by(name: str) -> tuple[bool, Kind | None]:
    """True if a name needs the word before it; and what it says by itself."""
    return _KEY_ALONE.match(name.lower()) is not None, kind_of(name.strip("-$_"))


def _name_begins(text: str, first: int, end: int) -> int:
    """The start of the name that ends at `end`, not before `first`; it may stand on the line before."""
    at = end - 1 if end > first and text[end - 1] == "\n" else end
    begin = at
    while begin > first and ((sign := text[begin - 1]).isalnum() or sign in "_.$-"):
        begin -= 1
    return begin if begin < at or at == end else at


def _is_escaped(text: str, start: int, at: int) -> bool:
    slashes = 0
    while at - slashes - 1 >= start and text[at - slashes - 1] == "\\":
        slashes += 1
    return slashes % 2 == 1


def _is_shell(text: str, at: int) -> bool:
    return text.startswith(("$", "${"), at)


def _is_plain(value: str) -> bool:
    """Letters alone, as words are."""
    return value.rstrip(".,:;!?").isalpha()


def _is_argument(value: str, kind: Kind, operator: str) -> bool:
    """True if the text after a flag is its value."""
    if is_placeholder(value) or value.startswith("-") or is_prose(f"{value} x"):
        return False
    if kind is Kind.LIKELY:
        return is_random(value)
    if value.isupper() and value.replace("_", "").isalpha():
        return False  # TOKEN, in a usage
    plain = value.rstrip(".,;:)]")
    return bool(operator) or not (plain.isalpha() and value != plain)


def _after_scheme(found: re.Match[str]) -> str:
    value = found[3]
    if not is_random(value, 8) and not (any(c.isdigit() for c in value) and "=" not in value[:-2]):
        return found[0]
    return f"{found[1]}{found[2]}{MASK}"


def _sql(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 80) : found.start()].lower()
    of_account = "user" in before or "role" in before
    hidden = not is_placeholder(found[2]) and (of_account or not _is_plain(found[2]))
    return f"{found[1]}'{MASK}'" if hidden else found[0]


def _pgpass(found: re.Match[str]) -> str:
    value = found[2]
    hidden = is_secret_word(value, Kind.PASSWORD, tight=True, shouted=False) and not value.isdigit()
    return f"{found[1]}{MASK}" if hidden else found[0]


def _login(found: re.Match[str]) -> str:
    hidden = is_secret_word(found[2], Kind.PASSWORD, tight=False, shouted=False)
    return f"{found[1]}{MASK}" if hidden else found[0]
