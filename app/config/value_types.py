"""Types of settings: texts that are checked when they are read."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from services.core.addresses import AllowedAddresses
from services.core.hosts import each_host, of_primary
from services.delivery.channels.web_push import Vapid

SECRET_KEY_LENGTH = 32
MOST_REPLICAS = 16


_POSTGRESQL = ("postgresql", "postgres")


def _postgresql_url(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in _POSTGRESQL:
        raise ValueError("it must begin with postgresql://")
    return url


def _primary_url(url: SecretStr) -> SecretStr:
    return SecretStr(of_primary(_postgresql_url(url).get_secret_value()))


def _replica_url(url: SecretStr) -> SecretStr:
    if len(each_host(_postgresql_url(url).get_secret_value())) > MOST_REPLICAS:
        raise ValueError(f"it names more than {MOST_REPLICAS} hosts")
    return url


def _broadcast_url(url: SecretStr) -> SecretStr:
    scheme = urlsplit(url.get_secret_value()).scheme
    if scheme not in ("memory", *_POSTGRESQL, "redis", "rediss"):
        raise ValueError("it must begin with memory://, postgresql:// or redis://")
    # What listens does so at the primary.
    return _primary_url(url) if scheme in _POSTGRESQL else url


def _keys_with_names(value: SecretStr) -> SecretStr:
    for part in value.get_secret_value().split(","):
        if not re.fullmatch(r"\s*[A-Za-z0-9_-]{1,40}:\S{32,}\s*", part):
            raise ValueError("write name:key,name:key, each key at least 32 characters without blanks")
    return value


def _networks(value: str) -> str:
    for part in value.split(","):
        if part.strip():
            ipaddress.ip_network(part.strip())
    return value


def _allowed_addresses(value: str) -> str:
    AllowedAddresses.of(value)
    return value


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
        raise ValueError("it must begin with https:// or http:// and have no query")
    return value.rstrip("/")


def _contact(value: str) -> str:
    if not value.startswith(("mailto:", "https://")):
        raise ValueError("it must begin with mailto: or https://")
    return value


def _vapid_key(key: SecretStr) -> SecretStr:
    Vapid.of(key.get_secret_value(), "")
    return key


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < SECRET_KEY_LENGTH:
        raise ValueError(f"it must have at least {SECRET_KEY_LENGTH} characters")
    return key


PrimaryUrl = Annotated[SecretStr, AfterValidator(_primary_url)]
ReplicaUrl = Annotated[SecretStr, AfterValidator(_replica_url)]
BroadcastUrl = Annotated[SecretStr, AfterValidator(_broadcast_url)]
SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]
NamedKeys = Annotated[SecretStr, AfterValidator(_keys_with_names)]
Networks = Annotated[str, AfterValidator(_networks)]
AddressList = Annotated[str, AfterValidator(_allowed_addresses)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Contact = Annotated[str, AfterValidator(_contact)]
VapidKey = Annotated[SecretStr, AfterValidator(_vapid_key)]
