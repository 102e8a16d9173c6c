"""The embedded server as of a moment: exactly what was committed by then."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.backup.base import MANIFEST, bases, make_base, remove_old_bases
from app.backup.manifest import Manifest
from app.backup.point_in_time import Asked, recover
from app.config.errors import StartupError
from app.config.settings import Settings
from app.database import wal_files
from app.database.archiving import Archive, remove_before, segment_of
from app.database.embedded import EmbeddedServer, embedded_server
from migrations.run import head
from tests.integration.backup.conftest import VAULT, entries, silent
from tests.support.clusters import copied, made_once, used_once
from tests.support.holding import QUICK

TICK = 0.1
"""Seconds between two rows."""


@dataclass(frozen=True, slots=True)
class Lived:
    """A server that has ended, with its backups. `written` are the times at which rows were committed.

    `moment` and `later` are whole seconds with rows before and after them, at which none was being committed.
    """

    settings: Settings
    written: list[datetime]
    moment: datetime
    later: datetime

    def asked(self, moment: datetime | None, source: Path | None = None) -> Asked:
        """A moment of its past."""
        return Asked(source or self.settings.backups, moment)


def settings_in(folder: Path, **more: object) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=folder / "data",
        backup_dir=folder / "backups",
        secret_key=SecretStr("a key that signs nothing outside of the tests"),
    ).model_copy(update=more)


@pytest.fixture(scope="module")
def lived(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    made = made_once(run_folder, "lived", lambda new: _make_lived(new, used_once(run_folder)))
    folder = copied(made, tmp_path_factory.mktemp("lived") / "copy")
    rows = [tuple(map(datetime.fromisoformat, row)) for row in json.loads((folder / "rows.json").read_text())]
    return Lived(settings_in(folder), [at for at, _ in rows], *moments(rows)[:2])


def _make_lived(folder: Path, cluster: Path) -> None:
    settings = settings_in(folder)
    folder.mkdir()
    copied(cluster, settings.data_dir)
    archive = Archive(settings.backups / "wal", timeout=3600)
    with embedded_server(settings.data_dir, command="pytest", overrides=QUICK, archive=archive) as server:
        rows = asyncio.run(live(server, settings.backups))
    (folder / "rows.json").write_text(json.dumps([[at.isoformat(), done.isoformat()] for at, done in rows]))


def moments(rows: Sequence[tuple[datetime, ...]]) -> list[datetime]:
    """Whole seconds with rows before and after them, at which none was being committed.

    Of each row the time is given at which it was written, and one at which it was committed.
    """
    found = sorted({at.replace(microsecond=0) for at, _ in rows})
    return [
        moment
        for moment in found
        if rows[0][1] < moment < rows[-1][0] and not any(at <= moment <= done for at, done in rows)
    ]


async def live(server: EmbeddedServer, backups: Path) -> list[tuple[datetime, ...]]:
    """Write rows before and after a base backup, for as long as there are two moments to go back to."""
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(
            f"CREATE TABLE alembic_version AS SELECT '{head()}'::varchar AS version_num;"
            "CREATE TABLE ticks (at timestamptz)"
        )
        await connection.execute("INSERT INTO ticks VALUES (clock_timestamp())")
        await make_base(server, backups, VAULT, silent)
        rows: list[tuple[datetime, ...]] = []
        while len(moments(rows)) < 2:
            at = await connection.fetchval("INSERT INTO ticks VALUES (clock_timestamp()) RETURNING at")
            rows.append((at, await connection.fetchval("SELECT clock_timestamp()")))
            await asyncio.sleep(TICK)
        return rows
    finally:
        await connection.close()


async def ticks(server: EmbeddedServer) -> list[datetime]:
    """The rows, but for the one of before the base backup."""
    connection = await asyncpg.connect(server.url())
    try:
        return [row[0] for row in await connection.fetch("SELECT at FROM ticks ORDER BY at OFFSET 1")]
    finally:
        await connection.close()


def restored(settings: Settings, asked: Asked) -> list[datetime]:
    """What is there after a restore."""
    recover(settings, asked, lambda _: None, silent)
    with embedded_server(settings.data_dir, command="pytest", overrides=QUICK) as server:
        return asyncio.run(ticks(server))


def refusal(settings: Settings, asked: Asked) -> str:
    """The sentence with which a restore ends; there is no database afterwards."""
    with pytest.raises(StartupError) as refused:
        recover(settings, asked, lambda _: None, silent)
    assert not (settings.data_dir / "postgres").exists()
    assert not list(settings.data_dir.glob(".scratch-*"))
    return str(refused.value)


def test_it_lands_on_the_second_and_a_later_one_is_reached_too(lived: Lived, tmp_path: Path) -> None:
    # Both archive into the folder of the first server, as a server in its place does.
    for number, moment in enumerate((lived.moment, lived.later)):
        settings = settings_in(tmp_path / str(number), backup_dir=lived.settings.backups, wal_archive=True)
        (settings.data_dir / ".scratch-killed").mkdir(parents=True)
        for name in ("lock", ".scratch-killed/lock"):
            (settings.data_dir / name).touch()
        before = [at for at in lived.written if at <= moment]
        assert 0 < len(before) < len(lived.written)
        assert restored(settings, lived.asked(moment)) == before
        assert entries(settings.data_dir, ".scratch-*") == []


def test_the_end_of_the_log_has_everything(lived: Lived, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(lived.settings.backups, alone)
    for later in alone.glob("wal/*/0000000[2-9]*"):
        later.unlink()
    assert restored(settings_in(tmp_path), lived.asked(None, alone)) == lived.written


class TestRefused:
    def test_a_moment_that_the_log_does_not_reach(self, lived: Lived, tmp_path: Path) -> None:
        moment = datetime.now(UTC) + timedelta(days=1)
        asked = Asked(lived.settings.backups, moment, timeline=1)
        assert "ends before" in refusal(settings_in(tmp_path), asked)

    def test_a_moment_before_the_first_base_backup(self, lived: Lived, tmp_path: Path) -> None:
        moment = lived.written[0] - timedelta(hours=1)
        assert "no earlier moment can be reached" in refusal(settings_in(tmp_path), lived.asked(moment))

    def test_the_only_base_backup_that_cannot_be_read_is_named(self, lived: Lived, tmp_path: Path) -> None:
        (tmp_path / "base/broken").mkdir(parents=True)
        (tmp_path / "base/broken" / MANIFEST).write_text("{")
        sentence = refusal(settings_in(tmp_path), lived.asked(lived.moment, tmp_path))
        assert f"base/broken/{MANIFEST} is damaged" in sentence

    def test_a_folder_without_backups(self, lived: Lived, tmp_path: Path) -> None:
        sentence = refusal(settings_in(tmp_path), lived.asked(lived.moment, tmp_path))
        assert "There is no base backup in" in sentence

    def test_a_data_directory_with_a_database(self, lived: Lived) -> None:
        with pytest.raises(StartupError, match="has a database"):
            recover(lived.settings, lived.asked(lived.moment), lambda _: None, silent)

    @pytest.mark.parametrize(
        ("pattern", "sentence"),
        [
            ("base/*/base.tar.gz", "is damaged: copy it again"),
            ("base/*/backup_manifest", "is damaged: copy it again"),
            (f"base/*/{MANIFEST}", "is damaged: copy it again"),
            ("wal/*/0000000100000000????????.gz", "is damaged"),
        ],
    )
    def test_a_damaged_file(self, lived: Lived, tmp_path: Path, pattern: str, sentence: str) -> None:
        damaged = tmp_path / "damaged"
        shutil.copytree(lived.settings.backups, damaged)
        for file in damaged.glob(pattern):
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 0xFF
            file.write_bytes(content)
        asked = lived.asked(lived.moment, damaged)
        assert sentence in refusal(settings_in(tmp_path), replace(asked, timeline=1))


class TestRetention:
    def manifests(self, folder: Path, lived: Lived) -> list[Manifest]:
        """Base backups of 70, 40, 20 and 0 days ago, with the log from 100 days ago on."""
        [(made, _)] = bases(lived.settings.backups)
        found = []
        for number, days in enumerate((70, 40, 20, 0)):
            moment = made.started_at - timedelta(days=days)
            manifest = replace(
                made,
                id=made.id if days == 0 else type(made.id)(int=number + 1),
                started_at=moment,
                finished_at=moment,
                first_wal=f"{1:024X}"[:16] + f"{number * 10 + 5:08X}",
            )
            path = folder / "base" / str(number)
            path.mkdir(parents=True)
            (path / MANIFEST).write_text(manifest.text())
            found.append(manifest)
        archive = folder / "wal" / made.system_identifier
        archive.mkdir(parents=True)
        for number in range(40):
            (archive / f"{1 + number % 2:08X}{0:08X}{number:08X}.gz").touch()
        (archive / "00000002.history.gz").touch()
        return found

    def test_bases_and_log_go_together_and_every_second_of_the_time_stays(
        self, lived: Lived, tmp_path: Path
    ) -> None:
        manifests = self.manifests(tmp_path, lived)
        removed = remove_old_bases(tmp_path, manifests[-1], timedelta(days=30))
        # That of 40 days ago is needed for what was 30 days ago.
        assert removed == [manifests[0].id]
        left = entries(tmp_path / "wal" / manifests[0].system_identifier)
        assert len(left) == 1 + 40 - 15
        assert remove_old_bases(tmp_path, manifests[-1], timedelta(days=30)) == []

    def test_the_log_stays_while_a_base_backup_cannot_be_read(self, lived: Lived, tmp_path: Path) -> None:
        manifests = self.manifests(tmp_path, lived)
        (tmp_path / "base/1" / MANIFEST).write_text("{")
        assert remove_old_bases(tmp_path, manifests[-1], timedelta(days=10)) == [manifests[0].id]
        assert len(entries(tmp_path / "wal" / manifests[0].system_identifier)) == 41

    def test_the_newest_stays_however_old(self, lived: Lived, tmp_path: Path) -> None:
        manifests = self.manifests(tmp_path, lived)
        remove_old_bases(tmp_path, manifests[-1], timedelta(0))
        assert manifests[-1].id in {manifest.id for manifest, _ in bases(tmp_path)}


class TestArchive:
    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Path:
        (tmp_path / "data/global").mkdir(parents=True)
        (tmp_path / "data/global/pg_control").write_bytes((7).to_bytes(8, sys.byteorder))
        (tmp_path / "data/one").write_bytes(os.urandom(100_000) + b"\0" * 1_000_000)
        (tmp_path / "archive").mkdir()
        return tmp_path / "data"

    def script(self, cluster: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                str(wal_files.__file__),
                *arguments,
                str(cluster.parent / "archive"),
            ],
            cwd=cluster,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_a_file_comes_back_and_is_never_replaced(self, cluster: Path) -> None:
        assert self.script(cluster, "keep", "one").returncode == 0
        assert self.script(cluster, "keep", "one").returncode == 0
        kept = cluster.parent / "archive/7/one.gz"
        before = kept.read_bytes()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert self.script(cluster, "fetch", "one", "two").returncode == 0
        assert (cluster / "two").read_bytes() == (cluster / "one").read_bytes()
        (cluster / "one").write_bytes(b"another")
        refused = self.script(cluster, "keep", "one")
        assert refused.returncode == 1
        assert "holds something else" in refused.stderr
        assert kept.read_bytes() == before
        assert entries(kept.parent) == [kept]

    @pytest.mark.parametrize("damage", [lambda text: text[:-5], lambda text: text[:100] + b"x" + text[101:]])
    def test_what_is_damaged_stops_a_recovery(self, cluster: Path, damage: Callable[[bytes], bytes]) -> None:
        self.script(cluster, "keep", "one")
        kept = cluster.parent / "archive/7/one.gz"
        kept.write_bytes(damage(kept.read_bytes()))
        assert self.script(cluster, "fetch", "one", "two").returncode == wal_files.DAMAGED
        assert self.script(cluster, "fetch", "three", "two").returncode == wal_files.MISSING

    def test_segments_of_all_timelines_go_by_their_position(self, tmp_path: Path) -> None:
        for name in ("000000010000000000000004", "000000020000000000000005", "000000010000000100000000"):
            (tmp_path / f"{name}.gz").touch()
        (tmp_path / "letter.txt").touch()
        assert remove_before(tmp_path, "000000030000000000000005") == 1
        assert len(entries(tmp_path)) == 3
        assert segment_of("1/A000028", 3) == "00000003000000010000000A"


def test_a_base_backup_that_cannot_be_read_keeps_no_other_from_use(lived: Lived, tmp_path: Path) -> None:
    shutil.copytree(lived.settings.backups, tmp_path / "copy")
    copy = tmp_path / "copy"
    (copy / "base/broken").mkdir()
    (copy / "base/broken" / MANIFEST).write_text("{")
    assert restored(settings_in(tmp_path), lived.asked(lived.moment, copy)) == [
        at for at in lived.written if at <= lived.moment
    ]


def test_a_base_backup_is_whole_and_recorded(lived: Lived) -> None:
    [(manifest, path)] = bases(lived.settings.backups)
    assert {file.name for file in path.iterdir()} == {
        MANIFEST,
        "backup_manifest",
        "base.tar.gz",
        "pg_wal.tar.gz",
    }
    assert manifest.kind == "base"
    assert manifest.size == sum(file.stat().st_size for file in path.iterdir() if file.name != MANIFEST)
    assert json.loads((path / "backup_manifest").read_text())["System-Identifier"] == int(
        manifest.system_identifier
    )
