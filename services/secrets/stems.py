"""The texts that stand in the names of secrets, and a pattern that finds them quickly."""

import re
from collections.abc import Iterable
from typing import Any, Final

STEMS: Final = (
    *("pass", "pwd", "pw", "pswd", "psk", "secret", "token", "cred", "auth", "cookie", "key", "jwt", "jws"),
    *(
        "otp",
        "pin",
        "dsn",
        "bearer",
        "sess",
        "sid",
        "csrf",
        "xsrf",
        "pem",
        "hmac",
        "sig",
        "connection",
        "connstr",
    ),
    *("kennwort", "contrase", "senha", "identified", "mfa", "nonce", "seed", "mnemonic", "digest"),
    *(
        "パス",
        "暗証",
        "合言葉",
        "密码",
        "口令",
        "비밀번호",
        "암호",
        "鍵",
        "キー",
        "トークン",
        "シークレット",
        "認証",
        "接続文字",
    ),
    *("密钥", "令牌", "토큰", "_url", "_uri"),
)
"""Each name that tells of a secret contains one of them, in lower case."""


def any_of(words: Iterable[str]) -> str:
    """A pattern for the longest of some words at a place, each letter of which is looked at once.

    >>> any_of(["pass", "pw", "pwd"])
    'p(?:ass|w(?:d)?)'
    """
    tree: dict[str, Any] = {}
    for word in words:
        here = tree
        for letter in word:
            here = here.setdefault(letter, {})
        here[""] = {}
    return _pattern(tree)


def _pattern(tree: dict[str, Any]) -> str:
    ways = [re.escape(letter) + _pattern(rest) for letter, rest in sorted(tree.items()) if letter]
    if not ways:
        return ""
    if "" in tree:
        return f"(?:{'|'.join(ways)})?"
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


STEM: Final = re.compile(any_of(STEMS))
