"""mypy keeps reading and writing connections apart; `make check` fails where a line below becomes right."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.core.database import (
        Connection,
        Database,
        PrimaryPool,
        ReadConnection,
        ReadPool,
        WriteConnection,
        WritePool,
    )

    def change(connection: Connection) -> None: ...

    def change_in_transaction(connection: WriteConnection) -> None: ...

    def change_at_once(pool: WritePool) -> None: ...

    def read(connection: ReadConnection) -> None: ...

    def follow(pool: PrimaryPool) -> None: ...

    async def reading_is_no_writing(database: Database) -> None:
        change_at_once(database.reader)  # type: ignore[arg-type]
        change_at_once(database.primary)  # type: ignore[arg-type]
        follow(database.reader)  # type: ignore[arg-type]
        async with database.reader.acquire() as connection:
            change(connection)  # type: ignore[arg-type]
            change_in_transaction(connection)  # type: ignore[arg-type]
            await connection.execute("DELETE FROM users")  # type: ignore[attr-defined]
        async with database.primary.acquire() as connection:
            change(connection)  # type: ignore[arg-type]
        async with database.autocommit.acquire() as single:
            change_in_transaction(single)  # type: ignore[arg-type]
        async with database.transaction() as transaction:
            change(transaction)  # type: ignore[arg-type]
            read(transaction)  # type: ignore[arg-type]

    async def what_fits_is_taken(database: Database, anywhere: ReadPool) -> None:
        change_at_once(database.autocommit)
        follow(database.primary)
        anywhere = database.reader
        anywhere = database.primary
        async with anywhere.acquire() as connection:
            read(connection)
        async with database.transaction() as transaction:
            change_in_transaction(transaction)
