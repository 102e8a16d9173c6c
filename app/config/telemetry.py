"""The log: structured, one event a line, JSON for collectors and colours for people."""

import logging
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from app.config.settings import Settings

CHATTY = ("uvicorn", "asyncio", "alembic", "httpx", "httpcore", "websockets")
"""Libraries whose reports of ordinary work would drown ours."""


def configure_logging(settings: Settings) -> None:
    """Send what we and the libraries log to the standard error output, as the settings say."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(settings)],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # It would report each attempt to reach a database that is away, with the stack.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    # It reports what clients send that is not MCP, and quotes it in what it says of errors.
    handler.addFilter(_without_quotes)


def _without_quotes(record: logging.LogRecord) -> bool:
    """Let errors of the SDK of MCP through, without the stack: its last line quotes values."""
    if record.name.partition(".")[0] not in ("mcp", "sse_starlette"):
        return True
    record.exc_info = None
    return record.levelno >= logging.ERROR


def people_read(settings: Settings) -> bool:
    """True if people read the log: by the setting, else when a terminal shows it."""
    if settings.log_format == "auto":
        return sys.stderr.isatty()
    return settings.log_format == "console"


def _rendering(settings: Settings) -> list[Processor]:
    if people_read(settings):
        # Without the values of local variables, which may be secrets.
        plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [plain]
    return [
        structlog.processors.ExceptionRenderer(),
        _message_name,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _message_name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Collectors look for `message`."""
    event["message"] = event.pop("event")
    return event
