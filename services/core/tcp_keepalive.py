"""TCP connections whose other end has vanished without a word: noticed by the kernel, in bounded time.

By default one that is written to may look alive for a quarter of an hour, and one that only listens for ever.
"""

import socket
from asyncio import BaseTransport
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    PlainConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    PlainConnection = asyncpg.Connection


BROKEN_AFTER = 20
"""Seconds in which another server has to answer."""


def tcp_options(seconds: int) -> Mapping[int, int]:
    """Options of a socket's level IPPROTO_TCP that break it after `seconds` without an answer."""
    return {
        # When nothing is said: three questions after half of the time.
        socket.TCP_KEEPIDLE: max(1, seconds // 2),
        socket.TCP_KEEPINTVL: max(1, seconds // 6),
        socket.TCP_KEEPCNT: 3,
        # For how long what was sent may stay unconfirmed, or not taken; in milliseconds.
        socket.TCP_USER_TIMEOUT: seconds * 1000,
    }


def watch_for_loss(connection: socket.socket, seconds: int) -> None:
    """Let a TCP connection break after `seconds` without an answer; other sockets need nothing.

    A listening socket passes it on to what it accepts.
    """
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in tcp_options(seconds).items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


class WatchedConnection(PlainConnection):
    """A connection to PostgreSQL that notices its loss within `BROKEN_AFTER` seconds."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: BaseTransport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        watch_for_loss(transport.get_extra_info("socket"), BROKEN_AFTER)
