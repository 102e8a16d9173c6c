"""Encryption at rest (AES-GCM) and keyed hashes, under keys that can be replaced (decision 27)."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.core.json_codec import read_stored, write_json

_FORM: Final = "v1"
_NONCE_BYTES: Final = 12  # NIST SP 800-38D, 8.2.2: 96 random bits


class NotSealedByUs(Exception):
    """The text was altered, belongs to another column, or its key is not among ours."""


class NoVault(Exception):
    """A secret was to be stored by a caller that brings no vault; nothing was stored."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is encrypted at rest: hand over the vault with it")


@dataclass(frozen=True, slots=True)
class Vault:
    """256-bit keys by their ids; `current` names the one that new values are sealed with."""

    keys: Mapping[str, bytes]
    current: str
    hash_key: bytes

    @classmethod
    def of(cls, secret_key: str, encryption_keys: Mapping[str, str] | None = None) -> "Vault":
        """Keys derived from texts: `encryption_keys` by id, the first one current; else the server's own."""
        # The server's own key stays, so that what it has sealed can be opened after others are named.
        texts = {**(encryption_keys or {}), "server": secret_key}
        keys = {name: _derived(text, "ccgraph column encryption") for name, text in texts.items()}
        return cls(keys, next(iter(keys)), _derived(secret_key, "ccgraph keyed hashes"))

    def seal(self, value: object, place: str) -> str:
        """Any JSON value as text that only `open` at the same `place` (`projects.environment_vars`) reads."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, write_json(value), place.encode())
        return f"{_FORM}.{self.current}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: str) -> object:
        """The value that was sealed. Raises: NotSealedByUs."""
        form, _, rest = sealed.partition(".")
        name, _, text = rest.rpartition(".")
        if form != _FORM or name not in self.keys:
            raise NotSealedByUs(name)
        raw = base64.urlsafe_b64decode(text)
        try:
            plain = AESGCM(self.keys[name]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise NotSealedByUs(name) from None
        value: object = read_stored(plain)
        return value

    def is_same(self, one: str | None, other: str | None, place: str) -> bool:
        """True if two sealed texts hold the same value, or neither is there. Raises: NotSealedByUs."""
        if one is None or other is None:
            return one is other
        return self.open(one, place) == self.open(other, place)

    def is_current(self, sealed: str) -> bool:
        """True if the value was sealed with the current key."""
        return sealed.startswith(f"{_FORM}.{self.current}.")

    def check_value(self, name: str) -> str | None:
        """A digest that tells keys of one name apart and does not give them away; None without the key."""
        key = self.keys.get(name)
        return hmac.new(key, b"ccgraph check value", hashlib.sha256).hexdigest()[:16] if key else None

    def fingerprint(self, secret: str) -> str:
        """A keyed hash, by which a secret can be recognised but not found (HMAC-SHA-256, hexadecimal)."""
        return hmac.new(self.hash_key, secret.encode(), hashlib.sha256).hexdigest()


def _derived(text: str, purpose: str) -> bytes:
    """32 bytes from a secret of enough entropy (HKDF, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, b"ccgraph", purpose.encode()).derive(text.encode())
