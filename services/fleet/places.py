"""Finds the project of a session: one that is there, or a new one of the person's own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final
from uuid import UUID

from models.change_policy import EDITOR
from services.core.database import Connection
from services.fleet import keys
from services.writing.action import Transaction
from services.writing.rows import create

MAX_PROJECTS: Final = "fleet.max_projects"
DIRECTORIES: Final = "fleet.directory_projects"

_DEFAULT_MOST: Final = 500
_LONGEST_PATH: Final = 500
_LONGEST_NAME: Final = 100

_CANDIDATES: Final = f"""
SELECT p.id, p.project_id, p.local_path, p.workdir, p.git_repository, p.repository_url,
       p.status = 'archived' AS is_archived, p.owner_id = $1 AS is_own
FROM projects p
WHERE (p.owner_id = $1 OR p.collaborators @>
       jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', '{EDITOR}')))
  AND (p.project_id = ANY($2::uuid[]) OR p.local_path = ANY($3::text[]) OR p.git_repository = ANY($3::text[])
       OR ($4 AND p.repository_url IS NOT NULL))
ORDER BY is_archived, is_own DESC, p.id
"""

_SETTINGS: Final = (
    "SELECT setting_key, setting_value FROM system_settings WHERE setting_key = ANY($1::text[])"
)

_REMOTE: Final = re.compile(
    r"^(?:[a-z+]+://)?(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+(?=/))?[:/]+(?P<path>.+?)(?:\.git)?/*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The place where a session works; `checkout` is the main one of its worktree."""

    directory: str | None = None
    checkout: str | None = None
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A project, by both of its keys. `problem` says why it is not the one that was looked for."""

    number: int
    project_id: UUID
    problem: str | None = None


def normalised(remote: str) -> str | None:
    """A git remote as all its spellings have it: `git@github.com:acme/app.git` is `github.com/acme/app`."""
    found = _REMOTE.match(remote.strip())
    return None if found is None else f"{found['host']}/{found['path']}".lower()


def directory_of(path: str) -> str:
    """A directory without a slash at its end."""
    return path.rstrip("/\\") or path[:1]


async def places_of(
    transaction: Transaction, raw: Connection, owner_id: int, wanted: Sequence[Whereabouts]
) -> dict[Whereabouts, Place]:
    """The project of each of the places; new ones are made."""
    settings = {
        row["setting_key"]: row["setting_value"]
        for row in await raw.fetch(_SETTINGS, [MAX_PROJECTS, DIRECTORIES])
    }
    mapped = _mapped(settings.get(DIRECTORIES))
    found: dict[Whereabouts, Place] = {}
    for one in dict.fromkeys(wanted):
        found[one] = await _place(transaction, raw, owner_id, one, mapped, settings.get(MAX_PROJECTS))
    return found


async def _place(
    transaction: Transaction,
    raw: Connection,
    owner_id: int,
    wanted: Whereabouts,
    mapped: Sequence[tuple[str, UUID]],
    most: object,
) -> Place:
    directory = None if wanted.directory is None else directory_of(wanted.directory)
    checkout = None if wanted.checkout is None else directory_of(wanted.checkout)
    base = checkout or directory
    if base is None:
        return await _catch_all(transaction, raw, owner_id, None)
    by_setting = next(
        (project for pattern, project in mapped if directory and fnmatchcase(directory, pattern)), None
    )
    own = keys.project(owner_id, base)
    paths = [path for path in (directory, checkout) if path is not None]
    remote = None if wanted.remote is None else normalised(wanted.remote)
    known = [by_setting, own] if by_setting is not None else [own]
    candidates = await raw.fetch(_CANDIDATES, owner_id, known, paths, remote is not None)
    chosen = _chosen(candidates, by_setting, directory, remote, checkout, own)
    if chosen is not None:
        if not chosen["is_archived"]:
            return Place(chosen["id"], chosen["project_id"])
        return await _catch_all(
            transaction,
            raw,
            owner_id,
            "The project of this directory is archived; restoreProject brings it back.",
        )
    if await raw.fetchval("SELECT 1 FROM projects_archive WHERE project_id = $1", own):
        return await _catch_all(
            transaction,
            raw,
            owner_id,
            "The project of this directory is archived; restoreProject brings it back.",
        )
    limit = most if isinstance(most, int) and not isinstance(most, bool) else _DEFAULT_MOST
    # Two that make projects for one person take turns, so that both see what the other has made.
    await raw.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", owner_id)
    if await raw.fetchval("SELECT count(*) FROM projects WHERE owner_id = $1", owner_id) >= limit:
        return await _catch_all(
            transaction,
            raw,
            owner_id,
            f"You own {limit} projects, so new directories get none of their own; delete some,"
            f" or ask an administrator to raise {MAX_PROJECTS}.",
        )
    return await _make(
        transaction,
        raw,
        own,
        {
            "name": _name_of(base),
            "local_path": base[:_LONGEST_PATH],
            **({"repository_url": wanted.remote[:_LONGEST_PATH]} if wanted.remote is not None else {}),
        },
    )


def _chosen(
    candidates: Sequence[Any],
    by_setting: UUID | None,
    directory: str | None,
    remote: str | None,
    checkout: str | None,
    own: UUID,
) -> Any:
    """The first that fits, by the order of the rule."""
    rules = (
        lambda row: by_setting is not None and row["project_id"] == by_setting,
        lambda row: directory is not None and _lies_in(row, directory),
        lambda row: remote is not None and _is_of(row, remote),
        lambda row: checkout is not None and _lies_in(row, checkout),
        lambda row: row["project_id"] == own,
    )
    return next((row for fits in rules for row in candidates if fits(row)), None)


def _lies_in(row: Mapping[str, Any], path: str) -> bool:
    return path in (row["local_path"], row["git_repository"])


def _is_of(row: Mapping[str, Any], remote: str) -> bool:
    told = row["repository_url"]
    return told is not None and normalised(told) == remote


def _name_of(directory: str) -> str:
    last = directory.replace("\\", "/").rpartition("/")[2]
    return (last or directory)[:_LONGEST_NAME]


async def _catch_all(transaction: Transaction, raw: Connection, owner_id: int, problem: str | None) -> Place:
    """The person's project for sessions of which no directory is known, or that get no project."""
    place = await _make(
        transaction,
        raw,
        catch_all(owner_id),
        {
            "name": "Claude Code",
            "description": "Sessions whose directory is not known, or that could get no own project.",
        },
    )
    return Place(place.number, place.project_id, problem)


def catch_all(owner_id: int) -> UUID:
    """The key of that project."""
    return keys.project(owner_id, "")


async def _make(transaction: Transaction, raw: Connection, key: UUID, given: Mapping[str, object]) -> Place:
    number = await raw.fetchval("SELECT id FROM projects WHERE project_id = $1", key)
    if number is None:
        await create(transaction, "projects", {"project_id": key, **given})
        number = await raw.fetchval("SELECT id FROM projects WHERE project_id = $1", key)
    return Place(number, key)


_EMPTY: Final = """
DELETE FROM projects p WHERE p.project_id = $1 AND p.owner_id = $2 AND p.status = 'active'
  AND NOT EXISTS (SELECT FROM sessions s WHERE s.project_id = p.id)
  AND NOT EXISTS (SELECT FROM cc_instances i WHERE i.project_id = p.project_id)
  AND NOT EXISTS (SELECT FROM tasks t WHERE t.project_id = p.project_id)
  AND NOT EXISTS (SELECT FROM git_worktrees g WHERE g.project_id = p.project_id)
  AND NOT EXISTS (SELECT FROM worktrees w WHERE w.project_id = p.id)
  AND NOT EXISTS (SELECT FROM requirements r WHERE r.project_id = p.project_id)
  AND NOT EXISTS (SELECT FROM features f WHERE f.project_id = p.project_id)
"""


async def clear_catch_all(raw: Connection, owner_id: int) -> None:
    """Remove the project for sessions without a directory once there are none."""
    await raw.execute(_EMPTY, catch_all(owner_id), owner_id)


def _mapped(setting: object) -> list[tuple[str, UUID]]:
    """The directories of the setting with their projects; what cannot be read is left out."""
    found = []
    for one in setting if isinstance(setting, list) else []:
        if isinstance(one, dict) and isinstance(one.get("directory"), str):
            try:
                found.append((directory_of(one["directory"]), UUID(str(one.get("project_id")))))
            except ValueError:
                continue
    return found
