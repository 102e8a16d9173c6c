"""What a worker does every hour or so: make the coming partitions, remove what is past its retention."""

from sqlalchemy import text

from services.database import Database

# Each in a transaction of its own: dropping a partition locks its table until the end of the transaction.
STEPS = (
    "SELECT ccgraph_create_partitions()",
    "SELECT ccgraph_drop_partitions()",
    "SELECT cleanup_old_logs()",
)


async def maintain(database: Database) -> None:
    """Run the steps. They may be run twice and by several processes at once (decisions.md 14, 29).

    A table that somebody reads for more than five seconds is left for the next time: `DBAPIError` with
    asyncpg's `LockNotAvailableError` behind it, after which running again is all that is needed.
    """
    for step in STEPS:
        async with database.writer.begin() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
            await connection.execute(text(step))
