"""Demo projects: what they are about, whose they are, which files they have."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.demo.json_text import json_text
from services.demo.people import DEMO_USER, Person
from services.demo.row_counts import YEAR, Figures
from services.demo.seeded_random import Chance, weighted
from services.demo.words import KINDS, PLACES, SUBJECTS, Kind, Language, Phrase, Subject

ROLES = ("editor", "viewer")
_STATUSES = weighted(active=84, paused=6, completed=8, archived=2)


class ProjectRow(NamedTuple):
    """A row of projects (the columns of both documents)."""

    id: int
    project_id: UUID
    name: str
    description: str
    project_type: str
    repository_url: str
    local_path: str
    tech_stack: str
    build_config: str
    deploy_config: str
    owner_id: int
    is_public: bool
    collaborators: str
    total_sessions: int
    total_commits: int
    total_worktrees: int
    last_activity: datetime
    created_at: datetime
    updated_at: datetime
    workdir: str
    status: str
    config_json: str
    git_repository: str
    archived_at: datetime | None


@dataclass(slots=True)
class Project:
    """A project while its rows are drawn up; the counters grow as sessions, worktrees and commits are."""

    id: int
    uuid: UUID
    owner: Person
    subject: Subject
    place: Phrase
    kind: Kind
    language: Language
    created_at: datetime
    last_activity: datetime
    status: str
    is_public: bool
    collaborators: list[tuple[Person, str]]
    files: tuple[str, ...]
    total_sessions: int = field(default=0, init=False)
    total_worktrees: int = field(default=0, init=False)
    total_commits: int = field(default=0, init=False)

    @property
    def slug(self) -> str:
        """The name of the project in paths and addresses, unique."""
        return f"{self.subject.slug}-{self.id}"

    @property
    def name(self) -> str:
        """The name of the project for people."""
        parts = (self.place, self.subject.name, self.kind.name)
        return " ".join(part.say(self.language) for part in parts)

    @property
    def directory(self) -> str:
        """The path of its main checkout."""
        return f"/srv/projects/{self.slug}"

    def say(self, phrase: Phrase) -> str:
        """A phrase about this project, in its language."""
        first, second = (thing.say(self.language) for thing in self.subject.things)
        return phrase.say(self.language, first=first, second=second, place=self.place.say(self.language))

    def row(self) -> ProjectRow:
        """The finished row; call it when everything that is counted has been drawn up."""
        description = Phrase(
            "{name} for {place}: keeps every {first} and {second} in one place.",
            "{place}の{name}。{first}と{second}を一元管理する。",
        )
        return ProjectRow(
            id=self.id,
            project_id=self.uuid,
            name=self.name,
            description=self.say(
                description._replace(
                    en=description.en.replace("{name}", self.subject.name.en),
                    ja=description.ja.replace("{name}", self.subject.name.ja),
                )
            ),
            project_type=self.kind.project_type,
            repository_url=f"https://git.example.com/{self.owner.row.username}/{self.slug}.git",
            local_path=self.directory,
            tech_stack=json_text(self.kind.tech_stack),
            build_config=json_text({"test": self.kind.test_command, "timeout_minutes": 20}),
            deploy_config=json_text({"target": "staging", "replicas": 2}),
            owner_id=self.owner.row.id,
            is_public=self.is_public,
            collaborators=json_text(
                [{"user_id": person.row.id, "role": role} for person, role in self.collaborators]
            ),
            total_sessions=self.total_sessions,
            total_commits=self.total_commits,
            total_worktrees=self.total_worktrees,
            last_activity=self.last_activity,
            created_at=self.created_at,
            updated_at=self.last_activity,
            workdir=self.directory,
            status=self.status,
            config_json=json_text({"language": self.language, "branch_prefix": "task/"}),
            git_repository=f"{self.directory}/.git",
            archived_at=self.last_activity if self.status == "archived" else None,
        )


def projects(persons: list[Person], figures: Figures, seed: int, until: datetime) -> list[Project]:
    """Each user's projects, begun evenly over the year; only a finished one can be not active."""
    per_user = figures.projects // figures.users
    return [
        _project(1 + place + per_user * index, owner, place / per_user, persons, seed, until)
        for index, owner in enumerate(persons)
        for place in range(per_user)
    ]


def _project(
    number: int, owner: Person, begun: float, persons: list[Person], seed: int, until: datetime
) -> Project:
    chance = Chance(seed, "project", number)
    created_at = until - YEAR * (1 - begun) - chance.minutes(60, 60 * 20)
    subject, kind = chance.pick(SUBJECTS), chance.pick(KINDS)
    status = "active" if begun > 0.6 or owner.row.username == DEMO_USER else chance.pick(_STATUSES)
    others = [person for person in persons if person is not owner]
    helpers = chance.some(others, chance.below(4))
    return Project(
        id=number,
        uuid=chance.uuid(created_at),
        owner=owner,
        subject=subject,
        place=chance.pick(PLACES),
        kind=kind,
        language=owner.language,
        created_at=created_at,
        last_activity=created_at,
        status=status,
        is_public=chance.happens(0.1),
        collaborators=[(person, chance.pick(ROLES)) for person in helpers],
        files=tuple(
            dict.fromkeys(
                path.format(module=thing.en.replace(" ", "_"))
                for path in kind.paths
                for thing in subject.things
            )
        ),
    )
