"""Tells whether a value may be a secret itself, or is code, a placeholder or prose that speaks of one."""

import re
from typing import Final

from services.secrets.names import Kind, kind_of, words

MASK: Final = "[masked]"

LOOKED_AT: Final = 512
"""Characters of a value by which it is judged."""

_PLACEHOLDER: Final = re.compile(
    r"\s*(?:\[masked\]|\$[\w{(\[].*|%\w+%|%[sdrvq]|\{\{.*|\{[\w.: !-]*\}|<[^<>]*>|\[[A-Za-z _-]*\]|:\w+|\?"
    r"|@\w+@|#\{.*|[*xX•●.…_?#-]{3,}|[*•●.…_?#-]+|\$\d+"
    r"|(?:env|secrets?|vault|ref|file|arn|ssm|op|var|data|local|module|process\.env|os\.environ|settings|config"
    r"|self|this|args|opts|options|request|req|params|ctx|context|props|state|input)(?:[.:/\[](?=[\w/])).*"
    r"|.*(?:your|YOUR|Your)[-_ A-Z].*|.*(?:[Rr]eplace[-_ ]?[Mm]e|REPLACE|REDACTED|redacted|PLACEHOLDER).*"
    r"|(?:\w*[-_])?(?:example|EXAMPLE|sample|dummy)[-_ ].*)\s*",
    re.DOTALL,
)
_KEYWORDS: Final = words(
    "null none nil true false undefined yes no on off string str text number integer int float double "
    "boolean bool bytes byte array object list dict map any unknown void char varchar uuid date json "
    "optional required nullable include omit same-origin inherit hidden secret password passwd token "
    "key value default auto always never bearer basic digest oauth oauth2 jwt apikey header query "
    "cookie body path env file vault prompt stdin disabled enabled missing invalid empty unset set get "
    "put post delete patch varchar serial primary username user email name id current-password new- "
    "password one-time-code off session saml ldap tokens secrets passwords keys private public async "
    "await return self this new null, string, option some ok err error stringvalue number, str, "
    "unspecified todo tbd n/a na wrong expired revoked valid match mismatch changed updated deleted "
    "created rotated fail pass ok skip error options option flag flags argument arguments parameter "
    "switch instead"
)
_STOP_WORDS: Final = words(
    "a an and are as at be been but by can cannot could did do does for from get give had has have here "
    "how if in into is it its may more must no not of on one only or other our please should so some "
    "such than that the their them then there these they this to too under until up use used using was "
    "we were what when where which while who why will with without would you your never nobody always "
    "any all each every it's don't isn't required missing invalid need needs following see set reset "
    "after before new"
)
_CALL: Final = re.compile(r"[A-Za-z_$][\w$.:>?!-]*\s*[(\[{<]")
_ACCESS: Final = re.compile(r"[A-Za-z_$]\w*(?:(?:\.|->|::|\?\.)[A-Za-z_$]\w*)+[;,)\]}]*")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*")
_PIECE: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EAST_ASIAN: Final = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_PATH: Final = re.compile(r"(?:\.{0,2}|~|[A-Za-z]:)[/\\][\w.@-]+(?:[/\\][\w.@ -]*)*")
_FILE: Final = re.compile(
    r"[\w./-]+\.(?:txt|json|ya?ml|pem|key|crt|py|ts|js|go|rs|md|env|toml|ini|cfg|conf|sock|log)"
)
_OPERATORS: Final = re.compile(r"[=!<>&|+]=|=>|->|\|\||&&|::|\(\)|^[(\[{|>&]")
_CODE: Final = re.compile(r"\d{3,10}|(?=\w*\d)[A-Z0-9]{6,}|[A-Z2-7]{16,}|\d{3}[ -]\d{3}")
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{3,8}")
_PATTERN: Final = re.compile(
    r"\\[dwsbS]|\.[*+]|\[\^?[A-Za-z0-9]-[A-Za-z0-9]|\[-?[!#]|\(\?[:=!P]|%[sdr]\b|\{\d*\}|\{%|\{[A-Za-z_][\w.]*\}"
)
"""A regular expression or a text that is filled in."""

_MEASURE: Final = re.compile(r"[\d.,:/%-]+(?:[a-zA-Z%]{0,3})")
_BOUND: Final = 3.4
"""Characters that a run of one case or of digits has on the mean in words; in random texts 1 to 2.5."""


def is_placeholder(value: str) -> bool:
    """True if a value stands for one that is elsewhere, or for none."""
    value = value[:LOOKED_AT].strip()
    return (
        not value or value.lower().rstrip(";,.)]") in _KEYWORDS or _PLACEHOLDER.fullmatch(value) is not None
    )


def is_prose(value: str) -> bool:
    """True if a text of several words is a sentence or a part of one."""
    value = value[:LOOKED_AT]
    if _EAST_ASIAN.search(value):
        return True
    words = value.split()
    if len(words) < 2:
        return False
    return any(word.lower().strip(".,:;!?()'\"") in _STOP_WORDS for word in words)


def is_word(value: str) -> bool:
    """True if a text is made of words, as names are: `generateToken`, `db-credentials`, not `x7Kq9fZ2`."""
    pieces = _PIECE.findall(value)
    if not pieces:
        return False
    letters = [piece for piece in pieces if not piece.isdigit()]
    if not letters or sum(map(len, pieces)) / len(pieces) < _BOUND:
        return False
    return sum(map(len, letters)) / len(letters) >= _BOUND and max(map(len, letters)) <= 18


def is_random(value: str, least: int = 16) -> bool:
    """True if a text of at least `least` characters looks as if a program had drawn it."""
    value = value[:LOOKED_AT]
    if len(value) < least or " " in value or _UUID.fullmatch(value) or "://" in value:
        return False
    if _PATH.fullmatch(value) or _FILE.fullmatch(value) or _MEASURE.fullmatch(value):
        return False
    has_digit = any(character.isdigit() for character in value)
    mixed = not value.islower() and not value.isupper()
    return (has_digit or (mixed and len(value) >= 20)) and not value.isdigit() and not is_word(value)


def names_itself(value: str) -> bool:
    """True if a text of letters is the name of a secret: `Password`, `current-password`, `dbToken`."""
    return len(value) <= 40 and not any(c.isdigit() for c in value) and kind_of(value) is not None


def is_code(value: str) -> bool:
    """True if an unquoted value is an expression: a call, a member, an operator."""
    value = value[:LOOKED_AT]
    return bool(_CALL.match(value) or _OPERATORS.search(value.rstrip("="))) or (
        _ACCESS.fullmatch(value) is not None and is_word(value.rstrip(";,)]}"))
    )


def is_secret_member(value: str, kind: Kind) -> bool:
    """True if the whole text of a JSON member whose name says `kind` is a secret."""
    if is_placeholder(value):
        return False
    if kind is Kind.CODE:
        return _CODE.fullmatch(value.strip()) is not None
    if kind is Kind.LIKELY:
        return is_random(value)
    if not any(character.isalnum() for character in value[:LOOKED_AT]):
        return False
    if "://" in value and not is_random(value, 40):
        return False  # an address, whose secrets are told by their places
    if _PATH.fullmatch(value[:LOOKED_AT]) and "." in value and not is_random(value):
        return False
    if names_itself(value):
        return False
    return not is_prose(value)


def is_secret_literal(value: str, kind: Kind) -> bool:
    """The same for a quoted text in code, prose or configuration."""
    if not is_secret_member(value, kind) or "${" in value or "{{" in value or "%(" in value or "#{" in value:
        return False
    if _PATTERN.search(value[:LOOKED_AT]) or _COLOUR.fullmatch(value):
        return False
    if "|" in value and value.replace("|", "").isalpha():
        return False  # a rule or a choice: `required|string`
    if kind is Kind.PASSWORD:
        return not (value.isalpha() and value.istitle()) and not (len(value) < 4 and value.isalpha())
    if " " in value:
        return False
    digits = sum(character.isdigit() for character in value)
    return len(value) >= 6 and not (is_word(value) and (digits == 0 or (digits <= 2 and not value.isalnum())))


def is_secret_word(value: str, kind: Kind, *, tight: bool, shouted: bool) -> bool:
    """The same for an unquoted run of characters behind a name.

    `tight`: nothing stood around the sign between them (`a=b`); `shouted`: the name is in upper case, as
    variables of an environment are.
    """
    if is_placeholder(value) or is_code(value) or _EAST_ASIAN.search(value[:LOOKED_AT]):
        return False
    if _PATH.fullmatch(value[:LOOKED_AT]) or _FILE.fullmatch(value[:LOOKED_AT]):
        return False
    if "://" in value:
        return False
    has_digit = any(character.isdigit() for character in value[:LOOKED_AT])
    if kind is Kind.LIKELY:
        return is_random(value)
    if kind is Kind.CODE:
        return value.rstrip(".,;").isdigit() and 4 <= len(value.rstrip(".,;")) <= 10
    if not any(character.isalnum() for character in value[:LOOKED_AT]) or _COLOUR.fullmatch(
        value.rstrip(",;")
    ):
        return False
    if names_itself(value) or (_IDENTIFIER.fullmatch(value) and not tight and _has_stem(value)):
        return False
    if kind is Kind.PASSWORD:
        if value.isdigit():
            return len(value) >= 4
        if value.isalpha():
            return len(value) >= 3 and tight and (shouted or value.islower())
        if _MEASURE.fullmatch(value) and len(value) < 8:
            return False
        if not has_digit:
            plain = value.rstrip(".,;:!?)")
            if not plain or plain.isalpha():
                return tight and len(plain) >= 4 and value[-1] in "!?"
            return not re.fullmatch(r"[A-Za-z]+(?:[-_./'’][A-Za-z]+)*", plain) and len(value) >= 5
        return len(value) >= 4
    if value.isdigit():
        return len(value) >= 6 and tight
    if shouted and tight:
        return has_digit or not is_word(value) or len(value) >= 24
    return is_random(value, 12) or (tight and has_digit and len(value) >= 6 and not _MEASURE.fullmatch(value))


def _has_stem(value: str) -> bool:
    lowered = value.lower()
    return any(stem in lowered for stem in ("pass", "pwd", "secret", "token", "key", "cred"))
