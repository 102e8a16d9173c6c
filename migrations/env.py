"""Runs each command of Alembic: connects, takes the lock, migrates or compares.

`migrations.run` hands a connection over; the command line of Alembic connects by itself to the server given
by `-x url=postgresql://...`.
"""

import asyncio
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.base import ischema_names

import models
from migrations.run import connect, wait_for_turn
from models.types import Choice, Xid8

# Waiting longer for a lock than this would make every other client wait behind the migration.
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "15min"

# Reflection of a type that SQLAlchemy does not know would end in a warning instead of a comparison.
ischema_names["xid8"] = Xid8


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """Leave out what only looks different.

    Views are SQL texts; partitions come and go with maintenance; PostgreSQL writes the expression of a search
    index in its own way. A test compares views and search indexes with the models.
    """
    if kind == "table":
        return thing.name in models.metadata.tables and not thing.info.get("view", False)
    return not (kind == "index" and str(name).endswith("_search"))


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write a type of ours as the plain type that it stands for: versions import none of our code."""
    if kind == "type" and isinstance(item, Choice):
        return f"sa.{item.impl!r}"
    return False


def report(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:
    """Tell the caller that waits which version was applied."""
    progress = context.config.attributes.get("progress")
    if progress is not None:
        progress(
            f"{'migrated up' if step.is_upgrade else 'migrated down'}: {', '.join(step.up_revision_ids)}"
        )


def migrate(connection: Connection) -> None:
    """Run the command on one connection; each version is one transaction."""
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=models.metadata,
        version_table="alembic_version",
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        include_object=include_object,
        render_item=render_item,
        on_version_apply=report,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone() -> None:
    """Connect by the URL of the command line."""
    url = context.get_x_argument(as_dictionary=True).get("url")
    if url is None:
        raise SystemExit("Say which database: alembic -x url=postgresql://user@host/name ...")
    async with connect(url) as connection:
        await wait_for_turn(connection, print)
        await connection.run_sync(migrate)


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(migrate_alone())
else:
    migrate(given)
