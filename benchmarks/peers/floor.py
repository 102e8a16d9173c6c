"""The floor: a bare ASGI handler with SQL written by hand. What a request costs when nothing is general.

Started as `uvicorn benchmarks.peers.floor:app`; POST /<shape> with the values of the SQL's parameters as a
JSON array of texts. DATABASE_URL and POOL_SIZE come from the environment.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
import orjson

from benchmarks.shapes import SHAPES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Connection(asyncpg.Connection):
    """Statements leave nothing behind here, so there is nothing to reset between two requests."""

    def get_reset_query(self) -> str:
        """None."""
        return ""


STATEMENTS = {f"/{shape.name}": shape.floor for shape in SHAPES}
pools: "list[asyncpg.Pool[asyncpg.Record]]" = []


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request, or start and stop with the server."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    text = await pools[0].fetchval(STATEMENTS[scope["path"]], *orjson.loads(body))
    answer = b'{"data":' + text.encode() + b"}"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    size = int(os.environ["POOL_SIZE"])
    settings = {
        "jit": "off",
        "plan_cache_mode": "force_generic_plan",
        "random_page_cost": "1.1",
        "timezone": "UTC",
    }
    pools.append(
        await asyncpg.create_pool(
            os.environ["DATABASE_URL"],
            min_size=size,
            max_size=size,
            server_settings=settings,
            connection_class=Connection,
        )
    )
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pools.pop().close()
    await send({"type": "lifespan.shutdown.complete"})
