"""How uvicorn serves the application, the same for `ccgraph serve` and for tests."""

import uvicorn
from starlette.applications import Starlette

from app.deadlines import DeadlineProtocol
from app.settings import Settings


def uvicorn_configuration(app: Starlette, settings: Settings) -> uvicorn.Config:
    """One process on uvloop and httptools with deadlines, silent but for what our own log says."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=DeadlineProtocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
