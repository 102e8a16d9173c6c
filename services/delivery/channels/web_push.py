"""Web Push (RFC 8030): encrypted for the browser (RFC 8291), signed with our key (VAPID, RFC 8292)."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.core.json_codec import write_json
from services.delivery.http_client import Answer, Request
from services.delivery.messages import Message, NotConfigured, Target, cut
from services.delivery.outcomes import Outcome, by_status, failed

MOST_BYTES: Final = 3_900
"""Of a payload in clear: push services take 4,096 bytes of it encrypted."""
KEPT_SECONDS: Final = 4 * 7 * 24 * 3600
"""How long a push service keeps a message for a browser that is off (`TTL`): as long as services keep any."""
_TOKEN_SECONDS: Final = 12 * 3600
_GONE: Final = (404, 410)
_URGENCY: Final = {"low": "low", "normal": "normal", "high": "high", "urgent": "high"}
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256: a private key is less than it."""


@dataclass(frozen=True, slots=True)
class Vapid:
    """The key that browsers are told of when they subscribe, and whom a push service may write to."""

    key: ec.EllipticCurvePrivateKey
    contact: str

    @classmethod
    def derived(cls, secret: str, contact: str) -> "Vapid":
        """The same key for all processes with this secret."""
        seed = hmac.digest(secret.encode(), b"ccgraph web push", hashlib.sha512)
        return cls(ec.derive_private_key(int.from_bytes(seed) % (_ORDER - 1) + 1, ec.SECP256R1()), contact)

    @classmethod
    def of(cls, private_key: str, contact: str) -> "Vapid":
        """The key from 32 bytes in base64url, as other tools write a VAPID key. Raises: ValueError."""
        try:
            number = int.from_bytes(_unpadded(private_key))
        except binascii.Error:
            raise ValueError("it is not base64url") from None
        return cls(ec.derive_private_key(number, ec.SECP256R1()), contact)

    @property
    def public_key(self) -> str:
        """The key that a page gives to `pushManager.subscribe` as `applicationServerKey`: base64url."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def authorization(self, endpoint: str, now: float) -> str:
        """The header for one push service."""
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(now) + _TOKEN_SECONDS,
            "sub": self.contact,
        }
        return f"vapid t={jwt.encode(claims, self.key, 'ES256')}, k={self.public_key}"


def request(message: Message, target: Target, now: datetime, vapid: Vapid) -> Request:
    """The encrypted POST to the subscription's endpoint. Raises: NotConfigured."""
    subscription = target.push_subscription or {}
    endpoint = subscription.get("endpoint") or target.push_endpoint
    keys = subscription.get("keys")
    if not isinstance(endpoint, str) or not isinstance(keys, dict):
        raise NotConfigured(
            "The setting has no pushSubscription with endpoint and keys: store what the browser's "
            "pushManager.subscribe gave, as JSON."
        )
    return Request(
        endpoint,
        {
            "authorization": vapid.authorization(endpoint, now.timestamp()),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(KEPT_SECONDS),
            "urgency": _URGENCY[message.priority.value],
            # A message that is sent again takes the place of the first one while that waits.
            "topic": base64.urlsafe_b64encode(message.message_id.bytes).rstrip(b"=").decode(),
            "user-agent": "ccgraph",
        },
        _encrypted(_payload(message), keys),
    )


def judge(answer: Answer) -> Outcome:
    """404 and 410 say that the browser has ended the subscription."""
    if answer.status in _GONE:
        return failed(
            answer,
            f"The browser has ended the subscription (status {answer.status}), so the setting was switched "
            "off.",
            disable=True,
        )
    return by_status(answer, "The push service")


def _payload(message: Message) -> bytes:
    told: dict[str, Any] = {
        "id": str(message.id),
        "type": message.type.value,
        "title": cut(message.title, 200),
        "body": message.text,
        "url": message.link,
        "tag": str(message.message_id),
        "lang": message.language.value,
    }
    whole = write_json(told)
    while len(whole) > MOST_BYTES:
        # Each character takes at least a byte, so this ends.
        told["body"] = cut(told["body"], max(1, len(told["body"]) - (len(whole) - MOST_BYTES + 3) // 4 - 1))
        if len(told["body"]) <= 1:
            told["url"] = None
        whole = write_json(told)
    return whole


def _encrypted(payload: bytes, keys: dict[str, Any]) -> bytes:
    try:
        receiver, secret = _unpadded(str(keys["p256dh"])), _unpadded(str(keys["auth"]))
        sealed: bytes = http_ece.encrypt(
            payload,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=receiver,
            auth_secret=secret,
            version="aes128gcm",
        )
    except (KeyError, ValueError, http_ece.ECEException):
        raise NotConfigured(
            "The keys p256dh and auth of pushSubscription cannot be used: store what the browser's "
            "pushManager.subscribe gave, as JSON."
        ) from None
    return sealed


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
