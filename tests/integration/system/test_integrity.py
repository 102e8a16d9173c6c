"""`examine` reports what is there and finds what is amiss."""

from sqlalchemy import text

from services.core.database import Database
from services.system.integrity import TROUBLES, examine
from tests.support import factories


async def test_a_whole_database_has_no_trouble(database: Database) -> None:
    async with database.transaction() as connection:
        user = await factories.make_user(connection)
        project = await factories.make_project(connection, owner_id=user.id)
        await factories.make_session(connection, user_id=user.id, project_id=project.id, status="running")
        await factories.make_worktree(connection, user_id=user.id, project_id=project.id)
        findings = {finding.name: finding for finding in await examine(connection)}
    assert all(finding.ok for finding in findings.values())
    assert findings["users"].value == "1"
    assert findings["sessions running"].value == "1"
    assert findings["latest of projects"].value == str(project.created_at)


async def test_an_empty_database_has_no_trouble(database: Database) -> None:
    async with database.transaction() as connection:
        findings = {finding.name: finding for finding in await examine(connection)}
    assert all(finding.ok for finding in findings.values())
    assert findings["latest of users"].value == "none"


async def test_each_trouble_is_found(database: Database) -> None:
    """Made by what only a damaged or hand-edited database has."""
    async with database.transaction() as connection:
        project = await factories.make_project(connection)
        await factories.make_instance(connection, type="CHILD", project_id=project.project_id)
        await connection.execute(text("UPDATE projects SET total_sessions = 5, total_worktrees = 5"))
        for table in ("sessions", "worktrees", "auth_tokens"):
            await connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {table}_user_id_fkey"))
        await factories.make_session(connection, user_id=999)
        await factories.make_worktree(connection, user_id=999)
        await factories.make_auth_token(connection, user_id=999)
        partition = await connection.scalar(
            text("SELECT 'cc_logs' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')")
        )
        await connection.execute(text(f"DROP TABLE {partition}"))
        await connection.execute(
            text("INSERT INTO file_operation_counts VALUES (gen_random_uuid(), 'read', 1)")
        )
        await factories.make_file_operation(connection)
        await connection.execute(text("DELETE FROM file_paths"))
        found = {finding.name for finding in await examine(connection) if not finding.ok}
    assert found == set(TROUBLES) - {"indexes that are not valid"}
