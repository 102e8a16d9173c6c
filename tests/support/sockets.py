"""Facts about a socket that can be told without reading it."""

import select
import socket

from tests.support.waiting import until


async def until_reset(client: socket.socket) -> None:
    """Wait until the other end has given the connection up, whatever has arrived before."""
    watch = select.poll()
    watch.register(client, 0)  # errors and the end of both directions are told always

    async def reset() -> bool:
        return bool(watch.poll(0))

    await until(reset)
