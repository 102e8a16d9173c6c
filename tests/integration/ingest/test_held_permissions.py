"""A hook of a PermissionRequest that is held open, answered from afar, or let go."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from models.enums import PermissionDecision
from services.core.principal import Origin, Principal
from tests.integration.ingest.conftest import Person, send, stored
from tests.support import recordings
from tests.support.waiting import until

Plain: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
HOOKS = "/ingest/claude-code/hooks"


@dataclass(frozen=True, slots=True)
class Given:
    """What a person answers."""

    decision: PermissionDecision
    message: str | None = None


class Afar:
    """Somewhere else, where answers are given."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Given | None] = asyncio.get_running_loop().create_future()
        self.asked: list[tuple[int, Mapping[str, Any], datetime]] = []
        self.let_go = False

    async def hold(
        self, principal: Principal, origin: Origin, hook: Mapping[str, Any], at: datetime
    ) -> Given | None:
        self.asked.append((principal.user_id, hook, at))
        try:
            return await self.answer
        except asyncio.CancelledError:
            self.let_go = True
            raise


@pytest.fixture
async def afar(app: Starlette) -> Afar:
    found = Afar()
    app.state.api.ingest._hold = found.hold
    return found


def request() -> dict[str, Any]:
    return next(one for one in recordings.hooks() if one["hook_event_name"] == "PermissionRequest")


@pytest.mark.parametrize(
    ("given", "decision"),
    [
        (Given(PermissionDecision.ALLOW), {"behavior": "allow"}),
        (Given(PermissionDecision.ALLOW, "fine"), {"behavior": "allow"}),
        (Given(PermissionDecision.DENY, "not today"), {"behavior": "deny", "message": "not today"}),
        (None, None),
    ],
)
async def test_the_answer_from_afar_is_the_answer_of_the_hook(
    client: httpx.AsyncClient,
    alice: Person,
    plain: Plain,
    afar: Afar,
    given: Given | None,
    decision: dict[str, str] | None,
) -> None:
    sending = asyncio.create_task(send(client, alice, HOOKS, request()))
    await until(lambda: bool(afar.asked))
    (row,) = await stored(plain, alice)  # before there is an answer
    assert afar.asked == [(alice.user_id, row["body"], row["created_at"])]
    assert not sending.done()
    afar.answer.set_result(given)
    response = await sending
    if decision is None:
        assert (response.status_code, response.content) == (204, b"")
    else:
        assert response.json() == {
            "hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}
        }


async def test_nothing_else_is_held(client: httpx.AsyncClient, alice: Person, afar: Afar) -> None:
    for hook in recordings.hooks():
        if hook["hook_event_name"] != "PermissionRequest":
            assert (await send(client, alice, HOOKS, hook)).status_code == 204
    assert (await send(client, alice, HOOKS, [request()])).json()["stored"] == 1
    assert not afar.asked


async def test_a_client_that_goes_away_lets_the_request_go(
    app: Starlette, client: httpx.AsyncClient, alice: Person, afar: Afar
) -> None:
    left = asyncio.Event()
    sent: list[Any] = []
    body = b'{"hook_event_name": "PermissionRequest"}'
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for part in parts:
            return part
        await left.wait()
        return {"type": "http.disconnect"}

    async def told(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": HOOKS,
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "headers": [
            (b"authorization", f"Bearer {alice.ingest}".encode()),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    serving = asyncio.create_task(app(scope, receive, told))
    await until(lambda: bool(afar.asked))
    left.set()
    await serving
    assert afar.let_go
    assert not sent
