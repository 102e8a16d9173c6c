"""Demo worktrees with their syncs, sessions, and sessions shared with others."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.demo.json_text import json_text
from services.demo.people import Person
from services.demo.projects import Project
from services.demo.row_counts import YEAR, Figures
from services.demo.seeded_random import Chance, weighted
from services.demo.words import Phrase

SYNCS_PER_WORKTREE = 5
SESSIONS_PER_SHARE = 5

_SYNC_TYPES = weighted(pull=35, push=35, merge=20, rebase=8) + ("cherry-pick",) * 2
_SYNC_OUTCOMES = weighted(success=92, partial=4, failed=3, cancelled=1)
_SESSION_NAMES = (
    Phrase("Work on the {first} list", "{first}一覧の作業"),
    Phrase("Look into slow {second} queries", "{second}の遅い検索を調べる"),
    Phrase("Review of {first} and {second}", "{first}と{second}のレビュー"),
    Phrase("Check the settings of {place}", "{place}の設定を確認する"),
)


class WorktreeRow(NamedTuple):
    """A row of worktrees."""

    id: int
    worktree_id: UUID
    repository_path: str
    worktree_path: str
    branch_name: str
    commit_hash: str
    remote_url: str
    status: str
    sync_status: str
    last_sync: datetime
    file_count: int
    total_size_bytes: int
    uncommitted_changes: bool
    untracked_files: int
    user_id: int
    project_id: int
    created_at: datetime
    updated_at: datetime
    last_accessed: datetime


class SyncRow(NamedTuple):
    """A row of worktree_sync_history."""

    id: int
    source_worktree_id: UUID
    target_worktree_id: UUID | None
    sync_type: str
    sync_direction: str
    status: str
    files_changed: int
    lines_added: int
    lines_deleted: int
    conflicts_count: int
    commit_hash: str | None
    error_message: str | None
    error_code: str | None
    executed_by: int
    execution_time_ms: int
    created_at: datetime


class SessionRow(NamedTuple):
    """A row of sessions."""

    id: int
    session_id: UUID
    name: str
    description: str
    status: str
    working_directory: str
    container_id: str | None
    port_mapping: str
    context_data: str
    claude_session_id: str
    total_tokens_used: int
    user_id: int
    project_id: int
    worktree_id: UUID | None
    created_at: datetime
    updated_at: datetime
    last_accessed: datetime


class CollaborationSessionRow(NamedTuple):
    """A row of collaboration_sessions; a demo share has no secret, so none is stored."""

    id: int
    session_id: UUID
    host_user_id: int
    share_mode: str
    max_participants: int
    requires_approval: bool
    is_public: bool
    expires_at: datetime
    allowed_users: str
    current_participants: int
    total_joins: int
    created_at: datetime
    updated_at: datetime


class ParticipantRow(NamedTuple):
    """A row of collaboration_participants."""

    id: UUID
    collaboration_session_id: int
    user_id: int
    state: str
    requested_at: datetime
    joined_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session with the project it works on and the person at it."""

    row: SessionRow
    project: Project
    person: Person


def worktrees(projects: list[Project], figures: Figures, seed: int, until: datetime) -> list[WorktreeRow]:
    """Each user's checkouts, begun evenly over the year; counted in their projects."""
    per_user = figures.worktrees // figures.users
    owned = figures.projects // figures.users
    rows = []
    for number in range(1, figures.worktrees + 1):
        index, place = divmod(number - 1, per_user)
        project = projects[index * owned + place * owned // per_user]
        row = _worktree(number, project, place / per_user, seed, until)
        project.total_worktrees += 1
        project.last_activity = max(project.last_activity, row.last_accessed)
        rows.append(row)
    return rows


def _worktree(number: int, project: Project, begun: float, seed: int, until: datetime) -> WorktreeRow:
    chance = Chance(seed, "worktree", number)
    created_at = until - YEAR * (1 - begun) - chance.minutes(10, 50)
    last_accessed = min(until, created_at + chance.minutes(60 * 24 * 5, 60 * 24 * 40))
    fresh = last_accessed > until - timedelta(days=14)
    sync_status = chance.pick(("clean", "clean", "dirty", "conflicted")) if fresh else "clean"
    return WorktreeRow(
        id=number,
        worktree_id=chance.uuid(created_at),
        repository_path=project.directory,
        worktree_path=f"/srv/worktrees/{project.slug}/work-{number}",
        branch_name=f"work/{project.owner.row.username}-{number}",
        commit_hash=chance.hexadecimal(40),
        remote_url=f"https://git.example.com/{project.owner.row.username}/{project.slug}.git",
        status="active" if fresh else "inactive",
        sync_status=sync_status,
        last_sync=last_accessed,
        file_count=chance.between(20, 900),
        total_size_bytes=chance.between(200_000, 90_000_000),
        uncommitted_changes=sync_status != "clean",
        untracked_files=chance.between(1, 6) if sync_status == "dirty" else 0,
        user_id=project.owner.row.id,
        project_id=project.id,
        created_at=created_at,
        updated_at=last_accessed,
        last_accessed=last_accessed,
    )


def syncs(worktree_rows: list[WorktreeRow], projects: list[Project], seed: int) -> list[SyncRow]:
    """Synchronisations in each checkout's life, oldest first; commits are counted in their projects."""
    drawn = [
        _sync(row, place, projects[row.project_id - 1], seed)
        for row in worktree_rows
        for place in range(SYNCS_PER_WORKTREE)
    ]
    drawn.sort(key=lambda row: row.created_at)
    return [row._replace(id=number) for number, row in enumerate(drawn, 1)]


def _sync(worktree: WorktreeRow, place: int, project: Project, seed: int) -> SyncRow:
    chance = Chance(seed, "sync", worktree.id, place)
    sync_type, outcome = chance.pick(_SYNC_TYPES), chance.pick(_SYNC_OUTCOMES)
    happened = outcome in ("success", "partial")
    commit_hash = chance.hexadecimal(40) if outcome == "success" else None
    if commit_hash:
        project.total_commits += 1
    conflicts = chance.between(1, 4) if outcome == "partial" else 0
    life = worktree.last_accessed - worktree.created_at
    return SyncRow(
        id=0,
        source_worktree_id=worktree.worktree_id,
        target_worktree_id=None,
        sync_type=sync_type,
        sync_direction="pull" if sync_type in ("pull", "rebase") else "push",
        status=outcome,
        files_changed=chance.between(1, 30) if happened else 0,
        lines_added=chance.between(1, 900) if happened else 0,
        lines_deleted=chance.between(0, 400) if happened else 0,
        conflicts_count=conflicts,
        commit_hash=commit_hash,
        error_message="remote: connection reset while sending the pack" if outcome == "failed" else None,
        error_code="NETWORK" if outcome == "failed" else None,
        executed_by=worktree.user_id,
        execution_time_ms=chance.between(120, 9_000),
        created_at=worktree.created_at + life * ((place + chance.random()) / SYNCS_PER_WORKTREE),
    )


def sessions(
    projects: list[Project],
    worktree_rows: list[WorktreeRow],
    persons: list[Person],
    figures: Figures,
    seed: int,
    until: datetime,
) -> list[Session]:
    """Each user's sessions, one after the other through the year; counted in their projects.

    The session of a user at any moment of the year is therefore number `fraction of the year * sessions
    per user`, which is how file operations, notifications and logs find theirs.
    """
    per_user = figures.sessions // figures.users
    owned = figures.projects // figures.users
    trees = figures.worktrees // figures.users
    shared = defaultdict[int, list[Project]](list)
    for project in projects:
        for helper, _ in project.collaborators:
            shared[helper.row.id].append(project)
    drawn = []
    for number in range(1, figures.sessions + 1):
        index, place = divmod(number - 1, per_user)
        chance = Chance(seed, "session", number)
        begun = until - YEAR * (1 - place / per_user) - chance.minutes(0, 5)
        ended = until - YEAR * (1 - (place + 1) / per_user)
        project = projects[index * owned + place * owned // per_user]
        worktree: WorktreeRow | None = worktree_rows[index * trees + place * trees // per_user]
        joint = [other for other in shared[persons[index].row.id] if other.created_at < begun]
        if joint and chance.happens(0.15):
            project, worktree = chance.pick(joint), None
        elif worktree and worktree.project_id != project.id:
            worktree = None
        project.total_sessions += 1
        project.last_activity = max(project.last_activity, ended)
        drawn.append(
            _session(number, persons[index], project, worktree, chance, begun, ended, current=ended == until)
        )
    return drawn


def _session(
    number: int,
    person: Person,
    project: Project,
    worktree: WorktreeRow | None,
    chance: Chance,
    begun: datetime,
    ended: datetime,
    *,
    current: bool,
) -> Session:
    status = chance.pick(
        ("running", "running", "stopped", "error") if current else ("stopped",) * 19 + ("error",)
    )
    title = project.say(chance.pick(_SESSION_NAMES))
    open_file = chance.pick(project.files)
    row = SessionRow(
        id=number,
        session_id=chance.uuid(begun),
        name=title,
        description=f"{title} ({project.name})",
        status=status,
        working_directory=worktree.worktree_path if worktree else project.directory,
        container_id=chance.hexadecimal(64) if status == "running" else None,
        port_mapping=json_text({"3000": 40_000 + number % 20_000} if status == "running" else {}),
        context_data=json_text({"open_files": [open_file], "turns": chance.between(3, 220)}),
        claude_session_id=chance.hexadecimal(32),
        total_tokens_used=chance.between(4_000, 900_000),
        user_id=person.row.id,
        project_id=project.id,
        worktree_id=worktree.worktree_id if worktree else None,
        created_at=begun,
        updated_at=ended,
        last_accessed=ended,
    )
    return Session(row, project, person)


def shares(
    drawn: list[Session], persons: list[Person], seed: int, until: datetime
) -> tuple[list[CollaborationSessionRow], list[ParticipantRow]]:
    """Every fifth session was shared for some days; the participants of an ended share have left."""
    shared, participants = [], []
    for number, session in enumerate(drawn[SESSIONS_PER_SHARE - 1 :: SESSIONS_PER_SHARE], 1):
        chance = Chance(seed, "share", number)
        begun = session.row.last_accessed - chance.minutes(60 * 24, 60 * 24 * 3)
        expires_at = begun + timedelta(days=4)
        guests = [guest for guest in chance.some(persons, 3) if guest is not session.person]
        rows = [_participant(number, guest, begun, expires_at, until, chance) for guest in guests]
        participants += rows
        shared.append(
            CollaborationSessionRow(
                id=number,
                session_id=session.row.session_id,
                host_user_id=session.person.row.id,
                share_mode=chance.pick(("read_only", "read_only", "edit", "full_control")),
                max_participants=5,
                requires_approval=chance.happens(0.7),
                is_public=chance.happens(0.1),
                expires_at=expires_at,
                allowed_users=json_text([guest.row.id for guest in guests]),
                current_participants=sum(row.state == "joined" for row in rows),
                total_joins=sum(row.joined_at is not None for row in rows),
                created_at=begun,
                updated_at=begun,
            )
        )
    return shared, participants


def _participant(
    share: int, guest: Person, begun: datetime, expires_at: datetime, until: datetime, chance: Chance
) -> ParticipantRow:
    asked = begun + chance.minutes(5, 300)
    refused = chance.happens(0.1)
    joined_at = None if refused else asked + chance.minutes(1, 30)
    left = joined_at is not None and (expires_at <= until or chance.happens(0.3))
    return ParticipantRow(
        id=chance.uuid(asked),
        collaboration_session_id=share,
        user_id=guest.row.id,
        state="refused" if refused else "left" if left else "joined",
        requested_at=asked,
        joined_at=joined_at,
        left_at=joined_at + chance.minutes(10, 120) if joined_at and left else None,
    )


def session_at(drawn: list[Session], per_user: int, user: int, fraction: float) -> Session:
    """The session in which the user with this place in the list was, `fraction` of the year gone by."""
    return drawn[user * per_user + min(per_user - 1, int(fraction * per_user))]
