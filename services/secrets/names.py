"""Tells from a name what its value is: a password, another secret, something that may be one, or neither."""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

LONGEST_NAME: Final = 80
"""Characters of a name; what is longer is a text."""


class Kind(Enum):
    """The strength of a name's hint: the less, the more the value itself has to look like a secret."""

    PASSWORD = auto()
    """What people choose: any text may be one."""

    SECRET = auto()
    """What programs make: keys, tokens, cookies."""

    CODE = auto()
    """A few digits or letters that are typed in: `pin`, `otp`."""

    LIKELY = auto()
    """A secret where the value looks like one: `auth`, `sid`, `tokens`, a connection string."""


def words(text: str) -> frozenset[str]:
    """The words of a list that is one text."""
    return frozenset(text.split())


_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\x00-\x7f]+")

_PASSWORD: Final = re.compile(
    r"(?:pass|pw|psk|passcode|pwds?"
    r"|(?:db|my|sql|pg|user|root|admin|smtp|mail|redis|ftp|proxy|key|store|bind|login)pass"
    r"|\w*(?:passwor[dt]|passwd|passphrase|pswd|kennwort)s?|\w*contraseñas?|senhas?|motdepasse)$"
)
_SECRET: Final = re.compile(
    r"(?:\w*(?:secret|credential|passkey|apikey|apitoken)s?|creds?|jwt|jws|bearer|authorization|cookie"
    r"|\w*(?:access|refresh|auth|bearer|session|csrf|xsrf|api|bot|device|push|reset|id)token"
    r"|token|(?:api|access|secret|private|account|signing|encryption|master|auth|ssh)keys?"
    r"|(?:phpsess|jsess|aspsession|cfsession)\w*|authtoken)$"
)
_CODE: Final = re.compile(r"(?:pin|pincode|otp|totp|mfa|tan)$")
_LIKELY: Final = re.compile(
    r"(?:auth|authkey|tokens|cookies|sid|sessid|sessionid|dsn|pem|hmac|csrf|xsrf|nonce|webhook"
    r"|connectionstrings?|connstr|authenticity|passes|keytab|seed|mnemonic)$"
)
_KEY_OF: Final = words(
    "api access secret private account accounts signing sign encryption encrypt decryption cipher "
    "crypto master ssh auth authentication service license licence subscription storage functions "
    "function app application client consumer webhook hmac jwt jwk session deploy deployment server "
    "admin shared team integration write ingest sdk bot aes rsa rest root pgp gpg tls ssl host stripe "
    "aws azure gcp openai anthropic sendgrid twilio mailgun datadog dd gemini google github algolia "
    "maps recovery backup vault wep wpa network symmetric user x"
)
"""What a `key` is a key of, where it opens something."""

_NO_KEY_OF: Final = words("user x host app server function service account network")
"""Of these a key may also be a name (`user_key`): the value has to look like a secret."""

_HARMLESS_BEFORE: Final = words(
    "progress page next previous prev cursor continuation cancel cancellation stop max min num number "
    "total input output prompt completion cached count sync pagination public first last eos bos pad "
    "unk mask cls sep special has is no show hide forgot use uses with without require requires "
    "required allow enable disable lexer syntax design separator current"
)
_HARMLESS_AFTER: Final = words(
    "type types policy policies name names label title description hint placeholder required enabled "
    "disabled url uri endpoint path paths file files dir directory folder ref refs reference at by on "
    "date time timeout rotation rotated algorithm alg format prefix suffix status state error errors "
    "message messages field fields column columns param params parameter class provider manager store "
    "storage scope scopes usage budget window index help regex pattern validator validation strength "
    "visible changed created updated expired expires expiry expiration ttl age valid verified version "
    "count counts length size limit limits max min id ids kind mode method methods settings config "
    "options option issuer audience host port user username input form page view model schema table "
    "rules rule reset resets recovery generator service handler helper utils test tests attempts "
    "lifetime set present exists source location arn bytes chars characters rounds iterations cost "
    "price per rate used left remaining estimate estimates detail details info header domain samesite "
    "secure httponly consent banner jar popup notice usages"
)
_HARMLESS_WHOLE: Final = frozenset(
    ["compass", "bypass", "trespass", "underpass", "overpass", "passes", "passed"]
)

_FOREIGN: Final = re.compile(r"パスワード|パスフレーズ|パスコード|暗証番号|合言葉|密码|口令|비밀번호|암호")
_FOREIGN_SECRET: Final = re.compile(
    r"秘密鍵|暗号鍵|共通鍵|署名鍵|(?:API|ＡＰＩ|アクセス|シークレット|ライセンス)\s*キー|トークン|シークレット|認証情報"
    r"|認証コード|接続文字列|密钥|令牌|토큰",
    re.IGNORECASE,
)
_FOREIGN_HARMLESS: Final = re.compile(
    r"(?:数|数量|上限|日|日時|期限|種別|種類|名|名前|長|長さ|有無|ヒント|形式|説明|ポリシー|一覧|エラー|設定|変更|管理|件数|"
    r"再設定|リセット|ファイル|パス|URL|タイプ|制限|ID)$"
)


def kind_of(name: str) -> Kind | None:
    """The kind of secret that a value of this name is; None where it is none.

    >>> kind_of("API_KEY_PROD"), kind_of("progressToken")
    (<Kind.SECRET: 2>, None)
    """
    return _kind_of(name) if len(name) <= LONGEST_NAME else None


@lru_cache(20_000)
def _kind_of(name: str) -> Kind | None:
    if not name.isascii() and (foreign := _foreign(name)) is not None:
        return foreign
    parts = [word.lower().replace("\u017f", "s") for word in _WORDS.findall(name)]
    while parts and (parts[-1].isdigit() or parts[-1] in _TRAILING):
        parts.pop()
    if not parts:
        return None
    if parts[-1] in _HARMLESS_AFTER and not _is_whole(parts):
        return None
    found = [(at, kind) for at in range(len(parts)) if (kind := _kind_at(parts, at)) is not None]
    if not found:
        whole = "".join(parts)
        return None if whole in _HARMLESS_WHOLE else _of_word(whole) if len(parts) > 1 else None
    at, kind = found[-1]
    if at < len(parts) - 1 and not name.isupper():
        return None  # what it says is said by the parts behind: `HTTPPasswordMgr`, `pass_result_to`
    if kind is not Kind.PASSWORD and _HARMLESS_BEFORE.intersection(parts[:at]):
        return None
    return kind


_TRAILING: Final = words(
    "value values text string prod production dev development staging live test old new current base "
    "confirm confirmation again repeat primary secondary b64 base64 hex raw plain plaintext default pem "
    "ja jp us eu"
)
"""Words behind a secret's name that leave it one."""


def _is_whole(parts: list[str]) -> bool:
    """True if the last word is harmless but the whole is not: Vault's `secret_id`."""
    return parts[-2:] in (["secret", "id"], ["id", "token"], ["private", "key", "id"])


def _kind_at(parts: list[str], at: int) -> Kind | None:
    word = parts[at]
    if word in ("key", "keys") and at > 0:
        before = parts[at - 1]
        if before in _NO_KEY_OF:
            return Kind.LIKELY
        return Kind.SECRET if before in _KEY_OF else None
    if word in ("string", "strings") and at > 0 and parts[at - 1] in ("connection", "conn"):
        return Kind.LIKELY
    if (
        word in ("url", "uri")
        and at > 0
        and parts[at - 1] in ("database", "db", "redis", "mongo", "amqp", "jdbc")
    ):
        return Kind.LIKELY
    if word == "id" and at > 0 and parts[at - 1] == "sess":
        return Kind.SECRET
    return _of_word(word)


def _of_word(word: str) -> Kind | None:
    if word in _HARMLESS_WHOLE:
        return None
    if _PASSWORD.match(word):
        return Kind.PASSWORD
    if _SECRET.match(word):
        return Kind.SECRET
    if _CODE.match(word):
        return Kind.CODE
    if _LIKELY.match(word):
        return Kind.LIKELY
    return None


def _foreign(name: str) -> Kind | None:
    if _FOREIGN_HARMLESS.search(name):
        return None
    if _FOREIGN.search(name):
        return Kind.PASSWORD
    return Kind.SECRET if _FOREIGN_SECRET.search(name) else None
