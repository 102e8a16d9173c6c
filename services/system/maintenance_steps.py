"""The steps of maintenance, in their order. Each may be run again at any time, and by several at once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from models.named_paths import TWICE, unnamed
from services.core.batches import LONGEST_SECONDS, Sizes
from services.core.database import WriteConnection, affected
from services.core.database_errors import driver_error, is_away
from services.instances.heartbeats import SILENT, mark_silent
from services.notifications.websocket_sessions import close_lost_sessions
from services.projects.archiving import DUE, Departure, next_due
from services.projects.restoring import RETURNING, Return, next_returning
from services.system.maintenance_work import Work
from services.system.partitions import make_partitions
from services.system.retention import PARTITIONED, drop_partitions, remove_expired, sweep
from services.tasks.leases import EXPIRED, requeue_expired

LONG_SILENT: Final = timedelta(days=1)
"""A server that was away cannot tell who was silent, but for those who have been for so long."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of maintenance. `title` and `japanese` say to people what it does."""

    name: str
    title: str
    japanese: str
    run: Callable[[Work], Awaitable[None]]


_FORGOTTEN: Final = f"({unnamed()} OR {TWICE})"
_FORGET_PATHS: Final = f"DELETE FROM file_paths WHERE ctid = ANY ($1::text[]::tid[]) AND {_FORGOTTEN}"
# A rehearsal comes to this step with the operations that the steps before it would have removed.
_KEPT: Final = (
    "coalesce(file_operations.created_at >= $1::timestamptz"
    " - INTERVAL '1 day' * ccgraph_setting('retention.file_operations_days'), true)"
)


async def _paths(work: Work) -> None:
    """Writers of file_operations wait while a few paths go, so that none takes one for there that is not."""
    if work.dry:
        query = f"SELECT count(*) FROM file_paths WHERE {unnamed(_KEPT)} OR {TWICE}"
        await work.count("file_paths", query, work.at)
        return
    blocks = await work.connection.fetchval(
        "SELECT pg_relation_size('file_paths') / current_setting('block_size')::bigint"
    )
    sizes, first = Sizes(size=16, most=2048), 0

    async def batch() -> int:
        nonlocal first
        last = first + sizes.size
        async with work.short() as connection:
            found = await connection.fetchval(
                "SELECT array_agg(ctid::text) FROM file_paths"
                f" WHERE ctid >= '({first},0)'::tid AND ctid < '({last},0)'::tid AND {_FORGOTTEN}"
            )
            if found:
                await connection.execute("LOCK TABLE file_operations IN SHARE ROW EXCLUSIVE MODE")
                done = await connection.execute(_FORGET_PATHS, found)
        first = last
        return affected(done) if found else 0

    async def try_once() -> None:
        work.done["file_paths"] += await work.paced(batch, sizes)

    while first < blocks:
        await work.patiently(try_once)


# A payload that was compacted is not compacted again, however short the others are to be.
_LONG: Final = "(length({0}::text) > {1} AND ({0} -> 'archived') IS DISTINCT FROM 'true'::jsonb)"
_COMPACTED: Final = (
    "{0} = CASE WHEN {1} THEN jsonb_build_object('archived', true, 'original_size', length({0}::text))"
    " ELSE {0} END"
)


async def _compaction(work: Work) -> None:
    characters = await work.connection.fetchval("SELECT ccgraph_setting('retention.mcp_payload_characters')")
    if characters is None:
        return
    long = {column: _LONG.format(column, characters) for column in ("params", "result")}
    # The limit stands in the text, so that the plan can use idx_mcp_messages_oversized.
    condition = (
        f"(length(params::text) > {characters} OR length(result::text) > {characters})"
        f" AND ({long['params']} OR {long['result']}) AND created_at < $1::timestamptz"
        " - INTERVAL '1 day' * ccgraph_setting('retention.mcp_payload_days')"
    )
    if work.dry:
        await work.count("mcp_messages", f"SELECT count(*) FROM mcp_messages WHERE {condition}", work.at)
        return

    async def batch(most: int) -> int:
        async with work.short() as connection:
            return affected(await connection.execute(compacting(long, condition, most), work.at))

    await work.until_none("mcp_messages", batch, Sizes(size=20, most=2000), of="mcp_messages")
    await work.vacuum_all()


def compacting(long: Mapping[str, str], condition: str, most: int) -> str:
    """SQL that compacts the columns for which `long` has a test, of so many messages that are due."""
    values = ", ".join(_COMPACTED.format(column, test) for column, test in long.items())
    return (
        f"UPDATE mcp_messages SET {values} WHERE id IN ("
        f"SELECT id FROM mcp_messages WHERE {condition} LIMIT {most} FOR UPDATE SKIP LOCKED)"
    )


async def _archiving(work: Work) -> None:
    """Projects move in batches (decisions 175 and 183). One that cannot move keeps no other from it."""
    if work.dry:
        await work.count("projects", f"SELECT count(*) FROM projects WHERE {DUE}", work.at)
        await work.count("restored_projects", f"SELECT count(*) FROM projects_archive WHERE {RETURNING}")
        return
    failed: list[Exception] = []
    done: list[UUID] = []

    async def next_of(ways: Callable[[WriteConnection], Awaitable[UUID | None]]) -> UUID | None:
        async with work.batch() as connection:
            return await ways(connection)

    async def move(what: str, journey: Departure | Return) -> None:
        sizes = Sizes(size=200, most=5000)

        async def batch() -> int:
            async with work.batch() as connection:
                return await journey.batch(connection, sizes.size, LONGEST_SECONDS)

        moved = 1
        try:
            while moved:
                moved = await work.patiently(lambda: work.paced(batch, sizes))
                for table, rows in journey.moved.items():
                    await work.removed(table, rows)
                journey.moved.clear()
        except Exception as error:
            if is_away(error):
                raise
            failed.append(error)
        work.done[what] += journey.is_over

    while (back := await next_of(lambda it: next_returning(it, done))) is not None:
        done.append(back)
        await move("restored_projects", Return(back))
    while (due := await next_of(lambda it: next_due(it, work.at, done))) is not None:
        done.append(due)
        await move("projects", Departure(due, work.at))
    await work.vacuum_all()
    if failed:
        raise driver_error(failed[0])


async def _tokens(work: Work) -> None:
    for table in ("auth_tokens", "login_attempts", "api_call_counts", "ingest_counts"):
        await sweep(work, table)


async def _connections(work: Work) -> None:
    lost = "disconnected_at IS NULL AND last_seen < now() - $1::interval"
    if work.dry:
        query = f"SELECT count(*) FROM websocket_sessions WHERE {lost}"
        await work.count("lost_connections", query, work.lost_after)
    else:
        await work.rounds(
            "lost_connections",
            lambda connection, most: close_lost_sessions(connection, work.lost_after, most),
        )
    await sweep(work, "websocket_sessions")


async def _claims(work: Work) -> None:
    if work.dry:
        return await work.count("tasks", f"SELECT count(*) FROM tasks WHERE {EXPIRED}")
    return await work.rounds("tasks", lambda connection, most: requeue_expired(connection, most=most))


# Its task still works in it: then it is not to go yet.
_CLEANUP: Final = (
    "cleanup_scheduled_at <= $1::timestamptz AND cleanup_completed_at IS NULL AND NOT EXISTS ("
    "SELECT FROM tasks WHERE tasks.id = git_worktrees.task_id AND tasks.status = 'RUNNING')"
)


def cleaning_up(most: int) -> str:
    """SQL that notes of so many worktrees that they are cleaned up, at the moment $1."""
    return (
        "UPDATE git_worktrees SET cleanup_completed_at = $1::timestamptz WHERE id IN ("
        f"SELECT id FROM git_worktrees WHERE {_CLEANUP} LIMIT {most} FOR UPDATE SKIP LOCKED)"
    )


async def _worktrees(work: Work) -> None:
    if work.dry:
        query = f"SELECT count(*) FROM git_worktrees WHERE {_CLEANUP}"
        return await work.count("git_worktrees", query, work.at)

    async def batch(most: int) -> int:
        async with work.short() as connection:
            return affected(await connection.execute(cleaning_up(most), work.at))

    return await work.until_none("git_worktrees", batch, Sizes(size=200, most=2000))


async def _instances(work: Work) -> None:
    silent_for = max(work.silent_for, LONG_SILENT)
    if work.dry:
        return await work.count(
            "cc_instances", f"SELECT count(*) FROM cc_instances WHERE {SILENT}", silent_for
        )

    async def mark(connection: WriteConnection, most: int) -> int:
        return len(await mark_silent(connection, silent_for, most))

    return await work.rounds("cc_instances", mark)


async def _runs(work: Work) -> None:
    await sweep(work, "maintenance_runs")


_ANALYZED: Final = (*PARTITIONED, "auth_tokens", "mcp_messages", "file_operation_counts", "file_paths")


async def _statistics(work: Work) -> None:
    """Gather the statistics that autovacuum does not: it never looks at a partitioned table as a whole."""
    if not work.dry:
        await work.connection.execute("SELECT ccgraph_sum_up_file_operations()")
    for table in _ANALYZED:
        if not work.dry:
            await work.connection.execute(f"ANALYZE (SKIP_LOCKED) {table}")
        work.done["tables"] += 1


STEPS: Final = (
    Step("partitions_ahead", "Make the coming partitions", "先のパーティションを作成", make_partitions),
    Step(
        "partitions_behind",
        "Drop partitions past retention",
        "保持期間を過ぎたパーティションを削除",
        drop_partitions,
    ),
    Step("retention", "Remove rows past retention", "保持期間を過ぎた行を削除", remove_expired),
    Step("paths", "Forget paths that no operation names", "操作に現れないパスを削除", _paths),
    Step("compaction", "Compact long MCP payloads", "長い MCP ペイロードを圧縮", _compaction),
    Step("archiving", "Move archived projects", "アーカイブ済みプロジェクトを移動", _archiving),
    Step("tokens", "Remove expired tokens and counts", "期限切れのトークンと計数を削除", _tokens),
    Step(
        "connections",
        "Close lost connections, forget old ones",
        "失われた接続を閉じ、古い記録を削除",
        _connections,
    ),
    Step("claims", "Queue tasks again whose lease expired", "リース切れのタスクをキューに戻す", _claims),
    Step(
        "worktree_cleanup",
        "Complete due clean-ups of worktrees",
        "予定日を過ぎた Worktree の清掃を完了",
        _worktrees,
    ),
    Step(
        "silent_instances",
        "Mark instances that fell silent",
        "応答のないインスタンスを ERROR にする",
        _instances,
    ),
    Step("old_runs", "Forget old runs of maintenance", "古いメンテナンス履歴を削除", _runs),
    Step("statistics", "Renew the planner's statistics", "統計情報を更新", _statistics),
)
