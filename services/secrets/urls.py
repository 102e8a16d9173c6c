"""Masks the secrets of addresses: passwords before the host, telling parameters, paths that are a secret."""

import re
from typing import Final

from services.secrets.names import Kind, kind_of, words
from services.secrets.values import MASK, is_placeholder, is_random

_ADDRESS: Final = re.compile(r"://([^\s\"'`<>\\]{1,20000})")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}$")
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+|\$\{?\w+\}?)(?::\d+)?(?:,[\w.:-]+)*(?:[/?#;]|$)")
_PARAMETER: Final = re.compile(r"([?&;#])([\w.%\[\]-]{1,60})=([^&;\s\"'<>#]+)")
_SECRET_PATH: Final = re.compile(
    r"(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/\d+/|/bot(?=\d{8,10}:)"
    r"|/(?:webhooks?|incomingwebhooks?|webhookb2)/)([^?#\s]+)",
    re.IGNORECASE,
)
_SIGNATURE: Final = re.compile(r"(?:^|-)(?:sig|sign|signature|hmac|credential|nonce)$")
_WEB: Final = words("http https git ssh git+https git+ssh ws wss file")


def without_url_secrets(text: str) -> str:
    """`text` with the secrets in its addresses masked; the rest of each stays."""
    return _ADDRESS.sub(_address, text) if "://" in text else text


def _address(found: re.Match[str]) -> str:
    rest = found[1]
    scheme = _SCHEME.search(found.string, max(0, found.start() - 31), found.start())
    if "@" in rest:
        rest = _without_password(scheme[0].lower() if scheme else "", rest)
    if "=" in rest:
        rest = _PARAMETER.sub(_parameter, rest)
    rest = _SECRET_PATH.sub(_path, rest)
    return f"://{rest}"


def _without_password(scheme: str, rest: str) -> str:
    """`user:[masked]@host`, the user's name as well where it is a token."""
    authority = re.match(r"[^/?#]*", rest)
    end = len(authority[0]) if authority else 0
    at = rest.rfind("@", 0, end)
    user, colon, password = rest[: at if at >= 0 else end].partition(":")
    if scheme not in _WEB or (at < 0 and colon and not password.isdigit()):
        last = rest.rfind("@")  # a password with the signs that end it elsewhere
        if colon and last > at and _HOST.match(rest, last + 1):
            at = last
            password = rest[len(user) + 1 : at]
    if at < 0:
        return rest
    hidden = MASK if is_random(user, 20) else user
    if colon and not is_placeholder(password) and len(password) > 2 and password[0] != "[":
        return f"{hidden}:{MASK}{rest[at:]}"
    return f"{hidden}{rest[len(user) :]}"


def _parameter(found: re.Match[str]) -> str:
    sign, name, value = found.groups()
    kind = kind_of(name)
    if is_placeholder(value):
        return found[0]
    if kind is None:
        lowered = name.lower()
        hidden = bool(
            lowered in ("code", "key", "k", "state_token", "ticket", "invite") or _SIGNATURE.search(lowered)
        ) and is_random(value)
    elif kind is Kind.LIKELY:
        hidden = is_random(value, 12)
    else:
        hidden = kind is Kind.PASSWORD or any(character.isdigit() for character in value) or is_random(value)
    return f"{sign}{name}={MASK}" if hidden else found[0]


def _path(found: re.Match[str]) -> str:
    before, path = found.groups()
    sure = not before.startswith("/") or before.startswith("/bot")
    if before.startswith("/bot"):
        return f"{before}{MASK}{path[len(path.partition('/')[0]) :]}"
    if sure and len(path) >= 5 and not path.startswith(MASK):
        return f"{before}{MASK}"
    parts = (MASK if is_random(part, 16) or len(part) >= 32 else part for part in path.split("/"))
    return before + "/".join(parts)
