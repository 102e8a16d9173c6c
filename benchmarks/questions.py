"""The questions of dashboards, one after the other, over ten times appendix A.

    python -m benchmarks.questions                        results to docs/benchmarks.md
    python -m benchmarks.questions --scale 1 --dry        a quick look
    python -m benchmarks.questions --only search --dry    the questions with this word in their title

Each is asked by an administrator, by the person who may see most of all, and by one in the middle. The first
answer is told apart: it includes planning, and pages that PostgreSQL has not read yet.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType

import asyncpg
import uvloop

from benchmarks import servers
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase, demo_database
from benchmarks.peers.requests import graphql
from benchmarks.report import Section, table
from benchmarks.write.bench import require_success
from models import policy

LIMIT, LIMIT_OF_ADMINISTRATORS = 100, 250
"""Milliseconds within which the median answer has to be there."""

QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        "my sessions, with total": """{ me { sessions(first: 20, orderBy: [{lastAccessed: DESC}]) {
            totalCount nodes { name status project { name } } } } }""",
        "newest sessions with their people": """{ sessions(first: 20, orderBy: [{lastAccessed: DESC}]) {
            nodes { name status user { username } } } }""",
        "sessions, total": "{ sessions { totalCount } }",
        "running instances with project and parent": """{ ccInstances(first: 50,
            where: {status: {eq: RUNNING}}, orderBy: [{lastHeartbeat: DESC}]) {
            totalCount nodes { name project { name } parent { name } } } }""",
        "instances by status": "{ ccInstances { groups(by: [STATUS]) { key { status } count } } }",
        "tasks by status": "{ tasks { groups(by: [STATUS]) { key { status } count } } }",
        "tasks by month, with average": """{ tasks { groups(by: [CREATED_AT_MONTH]) {
            key { createdAtMonth } count avg { actualDurationMinutes } } } }""",
        "newest tool calls with instance": """{ mcpToolCalls(first: 20, orderBy: [{startedAt: DESC}]) {
            nodes { toolName status executionTimeMs ccInstance { name } } } }""",
        "newest failed tool calls, with total": """{ mcpToolCalls(first: 20,
            where: {status: {eq: FAILED}}, orderBy: [{startedAt: DESC}]) {
            totalCount nodes { toolName startedAt } } }""",
        "tool calls by tool, with average": """{ mcpToolCalls { groups(by: [TOOL_NAME]) {
            key { toolName } count avg { executionTimeMs } } } }""",
        "newest MCP messages with instance": """{ mcpMessages(first: 20, orderBy: [{createdAt: DESC}]) {
            nodes { method messageType createdAt ccInstance { name } } } }""",
        "MCP messages by method": "{ mcpMessages { groups(by: [METHOD]) { key { method } count } } }",
        "MCP messages searched, best first": """{ mcpMessages(search: "repository", first: 20) {
            nodes { method createdAt } } }""",
        "newest errors of instances": """{ ccLogs(first: 50, where: {logLevel: {in: [ERROR, FATAL]}},
            orderBy: [{createdAt: DESC}]) { nodes { message createdAt ccInstance { name } } } }""",
        "log of instances searched in Japanese": """{ ccLogs(search: "設定", first: 20) {
            nodes { message } } }""",
        "the same with total, searched in Japanese": """{ ccLogs(search: "設定", first: 20) {
            totalCount nodes { message } } }""",
        "newest entries of tasks' logs": """{ taskLogs(first: 50, orderBy: [{createdAt: DESC}]) {
            nodes { message createdAt task { name } } } }""",
        "newest file operations": """{ fileOperations(first: 50, orderBy: [{createdAt: DESC}]) {
            nodes { filePath operationType createdAt } } }""",
        "files searched, best first": """{ fileOperations(search: "src main", first: 20) {
            nodes { filePath } } }""",
        "files searched, newest first": """{ fileOperations(search: "test", first: 20,
            orderBy: [{createdAt: DESC}]) { nodes { filePath } } }""",
        "file operations, total": "{ fileOperations { totalCount } }",
        "file operations by type": """{ fileOperations { groups(by: [OPERATION_TYPE]) {
            key { operationType } count } } }""",
        "system log searched, newest first": """{ systemLogs(search: "timeout", first: 20,
            orderBy: [{createdAt: DESC}]) { nodes { message level } } }""",
        "projects with running tasks": """{ projects(first: 20,
            where: {tasks: {some: {status: {eq: RUNNING}}}}) { totalCount nodes { name
            tasks(first: 3, where: {status: {eq: RUNNING}}) { totalCount nodes { name } } } } }""",
        "latest projects with their totals": """{ projects(first: 20, orderBy: [{lastActivity: DESC}]) {
            nodes { name owner { username } tasks { totalCount } ccInstances { totalCount } } } }""",
        "trees of instances": """{ ccInstances(first: 10, where: {type: {eq: PARENT}}) {
            nodes { name descendants { totalCount } } } }""",
        "pending tasks and what blocks them": """{ tasks(first: 20, where: {status: {eq: PENDING}},
            orderBy: [{priority: DESC}]) { nodes { name isReady blockedBy { totalCount } } } }""",
        "open ultrathink messages, with total": """{ ultrathinkMessages(first: 20,
            where: {status: {in: [SENT, ACKNOWLEDGED]}}, orderBy: [{sentAt: DESC}]) { totalCount
            nodes { instructionType parentInstance { name } childInstance { name } } } }""",
        "my notifications, with total": """{ me { notificationHistory(first: 20,
            orderBy: [{createdAt: DESC}]) { totalCount nodes { title status } } } }""",
        "statistics of MCP messages": """{ mcpMessageStats(first: 20) {
            nodes { date method messageCount } } }""",
        "summary of errors": "{ errorSummary(first: 20) { nodes { date category errorCount } } }",
        "efficiency of projects": """{ taskExecutionEfficiency(first: 20) {
            nodes { projectId totalTasks completionRate } } }""",
    }
)

MEMBER = policy.MEMBER.replace("{row}", "projects").replace("{viewer}", "users.id")
MEMBERSHIPS = f"""
SELECT username FROM users
WHERE is_active AND NOT is_admin
ORDER BY (SELECT count(*) FROM projects WHERE {MEMBER}) DESC, id
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller, and the milliseconds that this caller may have to wait."""

    title: str
    token: str
    limit: int


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of the first answer, and of the median of those after it."""

    first: float
    median: float


async def callers(database: BenchmarkDatabase) -> list[Caller]:
    """An administrator, the person of most projects, and the one in the middle."""
    connection = await asyncpg.connect(database.url)
    try:
        people = [row["username"] for row in await connection.fetch(MEMBERSHIPS)]
    finally:
        await connection.close()
    most, middle = people[0], people[len(people) // 2]
    return [
        Caller("administrator", database.token("admin"), LIMIT_OF_ADMINISTRATORS),
        Caller("person who sees much", database.token(most), LIMIT),
        Caller("person", database.token(middle), LIMIT),
    ]


async def ask(connection: Connection, url: str, query: str, token: str, times: int) -> Times:
    """One question several times; an answer with errors raises."""
    taken = []
    for _ in range(times + 1):
        answer = await connection.ask(graphql(url, query, {}, token))
        require_success(answer.body)
        taken.append(answer.milliseconds)
    return Times(taken[0], median(taken[1:]))


@dataclass(frozen=True, slots=True)
class Options:
    """`times` are the answers of which the median is taken; `only` is a word of the titles to ask."""

    scale: float
    times: int
    only: str
    dry: bool


async def main(options: Options, database: BenchmarkDatabase) -> None:
    """Ask everything, print each line as it comes, and write the report."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    found: dict[str, list[Times]] = {}
    asking = await callers(database)
    async with servers.ccgraph(database, logs) as base:
        url = f"{base}/graphql"
        connection = await Connection.open(url)
        for title, query in QUESTIONS.items():
            if options.only in title:
                found[title] = [await ask(connection, url, query, who.token, options.times) for who in asking]
                print(f"{title:45}", *(f"{each.first:8.0f} /{each.median:6.0f}" for each in found[title]))
        connection.close()
    section = Section("questions", report(found, asking, options))
    print(section.text)
    if not options.dry:
        section.write()


def report(found: Mapping[str, list[Times]], asking: list[Caller], options: Options) -> str:
    """The section of docs/benchmarks.md."""
    rows, over = [], []
    for title, times in found.items():
        rows.append([title, *(f"{each.first:,.0f} / {each.median:,.0f}" for each in times)])
        over += [
            f"{title} ({each.median:,.0f} ms, {who.title})"
            for each, who in zip(times, asking, strict=True)
            if each.median >= who.limit
        ]
    return "\n".join(
        [
            f"Scale {options.scale:g}. Milliseconds, the first answer / the median of {options.times} more:",
            "",
            table(["Question", *(who.title for who in asking)], rows),
            f"- under {LIMIT} ms, {LIMIT_OF_ADMINISTRATORS} ms for an administrator: "
            + (f"not reached on {', '.join(over)}." if over else "reached."),
            "",
        ]
    )


def arguments() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=10.0, help="scale of the demo, 10 unless given")
    parser.add_argument("--times", type=int, default=5, help="answers for the median, 5 unless given")
    parser.add_argument("--only", default="", help="ask the questions with this word in their title")
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    chosen = arguments()
    with demo_database(chosen.scale) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(chosen, running))
