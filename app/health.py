"""`GET /healthz`: whether the process answers, the database answers it, and all side tasks work."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from services.core.background import Supervisor
from services.core.database import Database

TIMEOUT = 2.0
"""Seconds for the database."""


async def healthz(request: Request) -> JSONResponse:
    """200 `{"status": "ok", "database": "ok"}`; 503 with `"unavailable"` when the database does not answer.

    While a side task is away that was begun again, or could not be, it is 503 too, and `sideTasks` names it.
    A replica that is away makes nothing unavailable: queries go to the primary.
    """
    database: Database = request.app.state.database
    supervisor: Supervisor = request.app.state.supervisor
    try:
        async with asyncio.timeout(TIMEOUT):
            await database.primary.fetchval("SELECT 1")
    except Exception:  # whatever it is: the question was whether it works
        return JSONResponse({"status": "unavailable", "database": "unavailable"}, status_code=503)
    if away := supervisor.away:
        return JSONResponse({"status": "unavailable", "database": "ok", "sideTasks": away}, status_code=503)
    return JSONResponse({"status": "ok", "database": "ok"})
