"""Sends one HTTP request to an address that a person has named, and nowhere else.

A name is resolved once, every address it has is judged, and the connection goes to one of those: a name that
means something else a moment later (DNS rebinding) leads nowhere. Redirects are not followed, proxies of the
environment are not asked, and of an answer no more is read than is kept.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, quote

import httpcore

from services.core.addresses import (
    AddressRefused,
    AllowedAddresses,
    is_header_value,
    require_public,
    require_url,
)

MOST_KEPT: Final = 2_000
"""Bytes of an answer that are read and kept."""
_MOST_CONNECTIONS: Final = 1_000
_KEPT_OPEN: Final = 100
_IDLE_SECONDS: Final = 15.0
_SIGNS_OF_URLS: Final = "/%?&=:;,@!$'()*+~[]"

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, as texts. Raises OSError for a name that there is not."""


class NotSent(Exception):
    """There was no answer. The message is a sentence without secrets.

    `refused` says that another try is useless.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: `headers` by lower-case name, `body` cut after `MOST_KEPT` bytes."""

    status: int
    headers: Mapping[str, str]
    body: str


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses only."""

    def __init__(self, allowed: AllowedAddresses, resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._judged(host, port)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("the URL names no host")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = list(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name cannot be resolved") from error
        if not self._allowed.has_host(host):
            for address in addresses:
                require_public(ip_address(address), self._allowed)
        return addresses


class Client:
    """Keeps connections open for a while. `timeout` is in seconds, for a request with its answer."""

    def __init__(self, allowed: AllowedAddresses, timeout: float, resolve: Resolve = system_resolver) -> None:
        self._allowed = allowed
        self.timeout = timeout
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_KEPT_OPEN,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_GuardedNetwork(allowed, resolve),
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()

    async def post(self, request: Request) -> Answer:
        """The answer to a request. Raises: NotSent."""
        try:
            parts = require_url(request.url, self._allowed)
            url = request.url if request.url.isascii() else _in_ascii(parts)
            return await self._exchange(url.encode("ascii"), request)
        except AddressRefused as error:
            raise NotSent(
                f"This address may not be called: {error}. An administrator can allow it with "
                "CCGRAPH_DELIVERY_ALLOWED.",
                refused=True,
            ) from None
        except (TimeoutError, httpcore.TimeoutException):
            raise NotSent(f"There was no answer within {self.timeout:g} seconds.") from None
        except (httpcore.ConnectError, ssl.SSLError) as error:
            raise NotSent(_about(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            raise NotSent("The connection was lost before the answer came.") from None
        except (UnicodeError, httpcore.UnsupportedProtocol, ValueError, TypeError):
            raise NotSent("The URL or a header cannot be sent.", refused=True) from None

    async def _exchange(self, url: bytes, request: Request) -> Answer:
        headers = [(name.encode("ascii"), _header(value)) for name, value in request.headers.items()]
        until = asyncio.get_running_loop().time() + self.timeout
        async with AsyncExitStack() as open_until:
            async with asyncio.timeout_at(until):
                response = await open_until.enter_async_context(self._answer(url, headers, request.body))
            body = await _beginning(response, until)
            found = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            return Answer(response.status, found, body.decode("utf-8", "replace").replace("\0", "�"))

    @asynccontextmanager
    async def _answer(self, url: bytes, headers: Any, body: bytes) -> AsyncIterator[httpcore.Response]:
        async with self._pool.stream("POST", url, headers=headers, content=body) as response:
            yield response


async def _beginning(response: httpcore.Response, until: float) -> bytes:
    """The part of a body that comes until then, and no more than is kept.

    The status has said what became of the message: one that was taken is not sent again because the rest of
    the answer does not come.
    """
    body = b""
    with suppress(TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout_at(until):
            async for part in response.aiter_stream():
                body += part[: MOST_KEPT - len(body)]
                if len(body) >= MOST_KEPT:
                    break
    return body


def _header(value: str) -> bytes:
    if not is_header_value(value):
        raise ValueError("not the value of a header")
    return value.encode("utf-8")


def _in_ascii(parts: SplitResult) -> str:
    """A URL as it is sent: its name by IDNA, other signs percent-encoded. Raises: UnicodeError."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    path, query = (quote(part, safe=_SIGNS_OF_URLS) for part in (parts.path, parts.query))
    return SplitResult(parts.scheme, netloc, path, query, "").geturl()


def _about(error: Exception) -> str:
    text = str(error).lower()
    if "certificate" in text or "ssl" in text or isinstance(error, ssl.SSLError):
        return "The receiver's certificate is not trusted, or it speaks no TLS."
    if "resolved" in text:
        return "The receiver's name cannot be resolved."
    return "The receiver cannot be connected to."
