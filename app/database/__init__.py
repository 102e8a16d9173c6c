"""The database: an embedded PostgreSQL, or the server that DATABASE_URL names."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from pydantic import SecretStr

from app.config.settings import Settings
from app.database.archiving import ARCHIVE, Archive
from app.database.directory import DataDirectory, cannot_use
from app.database.embedded import EmbeddedServer, Say, embedded_server, silent
from app.database.reaching import look_at_replica, reach
from services.core.hosts import each_host


@dataclass(frozen=True, slots=True)
class Location:
    """A PostgreSQL that runs. In `settings`, `database_url` is set; `url` is the same in clear."""

    settings: Settings
    url: str = field(repr=False)
    embedded: EmbeddedServer | None = None


@contextmanager
def located(
    settings: Settings, *, command: str, alone: bool = False, say: Say = silent
) -> Iterator[Location]:
    """The server that DATABASE_URL names, or the embedded one, running for as long as the block lasts.

    With the embedded server, a missing secret key is read from the data directory, where it is made once.
    `command` is how other commands will name this one; `alone` refuses to share the embedded server.
    """
    if settings.database_url is not None:
        asyncio.run(_reach(settings, say))
        yield Location(settings, settings.database_url.get_secret_value())
        return
    archive = (
        Archive(settings.backups / ARCHIVE, settings.wal_archive_timeout) if settings.wal_archive else None
    )
    with embedded_server(settings.data_dir, command=command, alone=alone, archive=archive, say=say) as server:
        found = {"database_url": SecretStr(server.url())}
        if settings.secret_key is None:
            found["secret_key"] = SecretStr(_kept_secret_key(server.directory))
        yield Location(settings.model_copy(update=found), server.url(), server)


async def _reach(settings: Settings, say: Say) -> None:
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        await reach(url, "DATABASE_URL", settings.database_start_timeout, say)
    if settings.database_read_url is not None:
        for name, url in each_host(settings.database_read_url.get_secret_value()).items():
            await look_at_replica(url, name, say)


def _kept_secret_key(directory: DataDirectory) -> str:
    """The key of the data directory; two commands that make it at once end up with the same."""
    path = directory.secret_key
    try:
        if not path.exists():
            new = path.with_name(f"secret_key.{os.getpid()}")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                directory.give_to_owner(descriptor)
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):
                path.hardlink_to(new)
            new.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise cannot_use(directory.path, error) from error
