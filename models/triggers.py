"""Functions and triggers that keep rows true by themselves: keys, update times, counts, defaults."""

UUID7 = """
CREATE OR REPLACE FUNCTION ccgraph_uuid7() RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
    -- RFC 9562, method 3: milliseconds, then twelve bits of their fraction, then chance.
    microseconds CONSTANT bigint := date_part('epoch', clock_timestamp()) * 1000000;
BEGIN
    RETURN encode(
        int8send(
            (microseconds / 1000 << 16) | x'7000'::bigint | (microseconds % 1000 * 4096 / 1000)
        ) || substring(uuid_send(gen_random_uuid()) FROM 9),
        'hex')::uuid;
END
$$
"""

# NOW() is the time at which a transaction began. A row that a younger transaction has changed before an older
# one does would go back in time, and a caller who compares times would not notice the second change.
UPDATED_AT = """
CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = GREATEST(NOW(), OLD.updated_at + INTERVAL '1 microsecond');
    RETURN NEW;
END
$$
"""

# One UPDATE for each statement, not for each row; projects whose counts change are locked in the order of
# their ids, so that moves in opposite directions wait for each other instead of blocking each other. A mere
# sign of life never waits: the holder of the row is writing a newer time anyway.
PROJECT_STATS = """
CREATE OR REPLACE FUNCTION update_project_stats() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    projects_changed integer[];
    differences integer[];
    projects_active integer[];
BEGIN
    IF TG_TABLE_NAME = 'worktree_sync_history' THEN
        SELECT array_agg(project_id), array_agg(commits) INTO projects_changed, differences
        FROM (
            SELECT worktrees.project_id, count(*)::integer AS commits
            FROM new_rows JOIN worktrees ON worktrees.worktree_id = new_rows.source_worktree_id
            WHERE new_rows.status = 'success' AND new_rows.commit_hash IS NOT NULL
                AND worktrees.project_id IS NOT NULL
            GROUP BY worktrees.project_id
        ) AS changes;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(project_id), array_agg(difference) INTO projects_changed, differences
        FROM (
            SELECT project_id, count(*)::integer AS difference
            FROM new_rows WHERE project_id IS NOT NULL GROUP BY project_id
        ) AS changes;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(project_id), array_agg(difference) INTO projects_changed, differences
        FROM (
            SELECT project_id, -count(*)::integer AS difference
            FROM old_rows WHERE project_id IS NOT NULL GROUP BY project_id
        ) AS changes;
    ELSE
        SELECT array_agg(project_id) FILTER (WHERE difference <> 0),
            array_agg(difference) FILTER (WHERE difference <> 0),
            array_agg(project_id) FILTER (WHERE difference = 0)
        INTO projects_changed, differences, projects_active
        FROM (
            SELECT project_id, sum(step)::integer AS difference
            FROM (
                SELECT project_id, 1 AS step FROM new_rows
                UNION ALL SELECT project_id, -1 FROM old_rows
            ) AS steps
            WHERE project_id IS NOT NULL GROUP BY project_id
        ) AS changes;
    END IF;

    IF projects_changed IS NOT NULL THEN
        PERFORM id FROM projects WHERE id = ANY (projects_changed) ORDER BY id FOR NO KEY UPDATE;
        UPDATE projects SET
            total_sessions = COALESCE(total_sessions, 0)
                + CASE WHEN TG_TABLE_NAME = 'sessions' THEN difference ELSE 0 END,
            total_worktrees = COALESCE(total_worktrees, 0)
                + CASE WHEN TG_TABLE_NAME = 'worktrees' THEN difference ELSE 0 END,
            total_commits = COALESCE(total_commits, 0)
                + CASE WHEN TG_TABLE_NAME = 'worktree_sync_history' THEN difference ELSE 0 END,
            last_activity = GREATEST(last_activity, NOW())
        FROM unnest(projects_changed, differences) AS change (project, difference)
        WHERE id = project;
    END IF;
    IF projects_active IS NOT NULL THEN
        UPDATE projects SET last_activity = NOW()
        WHERE id IN (
            SELECT id FROM projects
            WHERE id = ANY (projects_active) AND (last_activity IS NULL OR last_activity < NOW())
            FOR NO KEY UPDATE SKIP LOCKED
        );
    END IF;
    RETURN NULL;
END
$$
"""

PROJECT_WORKDIR = """
CREATE OR REPLACE FUNCTION ccgraph_project_workdir() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.workdir = COALESCE(NEW.workdir, NEW.local_path, 'projects/' || NEW.project_id);
    RETURN NEW;
END
$$
"""

UPDATED_TABLES = (
    "users",
    "sessions",
    "projects",
    "worktrees",
    "collaboration_sessions",
    "notification_settings",
    "system_settings",
    "tasks",
    "requirements",
    "features",
)


def updated_at_trigger(table: str) -> str:
    """The trigger that sets updated_at. Counts kept by trigger are no change of a project by a person."""
    unless_counting = "WHEN (pg_trigger_depth() = 0) " if table == "projects" else ""
    return (
        f"CREATE TRIGGER tr_{table}_updated_at BEFORE UPDATE ON {table} FOR EACH ROW "
        f"{unless_counting}EXECUTE FUNCTION update_updated_at_column()"
    )


def project_stats_trigger(name: str, event: str, table: str) -> str:
    """A statement trigger that counts; one with transition tables has one event only."""
    rows = {
        "INSERT": "NEW TABLE AS new_rows",
        "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "DELETE": "OLD TABLE AS old_rows",
    }[event]
    return (
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} "
        "FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()"
    )


FUNCTIONS = (UUID7, UPDATED_AT, PROJECT_STATS, PROJECT_WORKDIR)

TRIGGERS = (
    *(updated_at_trigger(table) for table in UPDATED_TABLES),
    project_stats_trigger("tr_sessions_project_stats", "INSERT", "sessions"),
    project_stats_trigger("tr_sessions_project_stats_update", "UPDATE", "sessions"),
    project_stats_trigger("tr_sessions_project_stats_delete", "DELETE", "sessions"),
    project_stats_trigger("tr_worktrees_project_stats", "INSERT", "worktrees"),
    project_stats_trigger("tr_worktrees_project_stats_update", "UPDATE", "worktrees"),
    project_stats_trigger("tr_worktrees_project_stats_delete", "DELETE", "worktrees"),
    project_stats_trigger("tr_worktree_sync_history_project_stats", "INSERT", "worktree_sync_history"),
    "CREATE TRIGGER tr_projects_workdir BEFORE INSERT ON projects FOR EACH ROW "
    "EXECUTE FUNCTION ccgraph_project_workdir()",
)
