"""The queries that show whether the data is whole (client §8.3), for `ccgraph check`."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

COUNTS = {
    "users": "SELECT count(*) FROM users",
    "active users": "SELECT count(*) FROM users WHERE is_active",
}

STATUSES = "SELECT status, count(*) FROM sessions GROUP BY status ORDER BY status"

LATEST = {table: f"SELECT max(created_at) FROM {table}" for table in ("users", "sessions", "projects")}

# Each counts rows that should not be; the first three are the document's own.
TROUBLES = {
    "sessions without a user": "SELECT count(*) FROM sessions WHERE user_id NOT IN (SELECT id FROM users)",
    "worktrees without a user": "SELECT count(*) FROM worktrees WHERE user_id NOT IN (SELECT id FROM users)",
    "tokens without a user": "SELECT count(*) FROM auth_tokens WHERE user_id NOT IN (SELECT id FROM users)",
    "projects with a wrong number of sessions": """
        SELECT count(*) FROM projects WHERE total_sessions IS DISTINCT FROM
            (SELECT count(*) FROM sessions WHERE sessions.project_id = projects.id)
    """,
    "projects with a wrong number of worktrees": """
        SELECT count(*) FROM projects WHERE total_worktrees IS DISTINCT FROM
            (SELECT count(*) FROM worktrees WHERE worktrees.project_id = projects.id)
    """,
    "child instances without a parent in their project": """
        SELECT count(*) FROM cc_instances AS child WHERE type = 'CHILD' AND NOT EXISTS (
            SELECT FROM cc_instances AS parent WHERE parent.id = child.parent_instance_id
                AND parent.project_id IS NOT DISTINCT FROM child.project_id)
    """,
    "tables without a partition for now": """
        SELECT count(*) FROM unnest(ARRAY['cc_logs', 'task_logs', 'system_logs', 'notification_history',
                'file_operations', 'ingest_records']) AS parent
        WHERE to_regclass(parent || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')) IS NULL
    """,
    "file operations that are counted wrongly": """
        SELECT coalesce(sum(abs(there - counted)), 0) FROM (
            SELECT coalesce(there, 0) AS there, coalesce(counted, 0) AS counted FROM (
                SELECT session_id, operation_type, count(*) AS there FROM file_operations
                GROUP BY session_id, operation_type) AS found
            FULL JOIN (
                SELECT session_id, operation_type, sum(operations) AS counted FROM file_operation_counts
                GROUP BY session_id, operation_type) AS kept USING (session_id, operation_type)
        ) AS compared
    """,
    "paths of file operations that no search finds": """
        SELECT count(*) FROM (SELECT DISTINCT file_path FROM file_operations) AS named
        WHERE NOT EXISTS (SELECT FROM file_paths WHERE path = file_path)
    """,
    "indexes that are not valid": "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `ok` is False where something has to be looked at."""

    name: str
    value: str
    ok: bool = True


async def examine(connection: AsyncConnection) -> list[Finding]:
    """The figures that the document asks for in an emergency: number, age and faults of the data."""
    findings = [Finding(name, str(await connection.scalar(text(query)))) for name, query in COUNTS.items()]
    statuses = await connection.execute(text(STATUSES))
    findings += [Finding(f"sessions {status}", str(number)) for status, number in statuses]
    findings += [
        Finding(f"latest of {table}", str(await connection.scalar(text(query)) or "none"))
        for table, query in LATEST.items()
    ]
    for name, query in TROUBLES.items():
        number = await connection.scalar(text(query))
        findings.append(Finding(name, str(number), ok=number == 0))
    return findings
