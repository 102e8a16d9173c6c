"""A dump is whole or not there and comes back as it was; what is no good leaves the target as it was."""

import asyncio
import itertools
import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.backup import folder as files
from app.backup.dumping import Busy, exclusive, make_dump
from app.backup.manifest import manifest_of, read_manifest, schema_of, sha256, whole_dump
from app.backup.restoring import read_dump, refuse_unfit
from app.config.errors import StartupError
from app.database.configuration import OWNER
from services.secrets.vault import Vault
from services.system.contents import Content, differences
from tests.integration.backup.conftest import VAULT, Saved, entries, held, objects, silent
from tests.support.postgres15 import MISSING, PROGRAMS, Postgres15, postgres15_server

Change = Callable[[dict[str, Any]], None]
NUMBERS = itertools.count(1)


def rewrite(file: Path, change: Change) -> None:
    """Change the manifest of a dump."""
    beside = manifest_of(file)
    plain = json.loads(beside.read_text())
    change(plain)
    beside.write_text(json.dumps(plain))


def acknowledge(file: Path) -> None:
    """Let the manifest describe the file as it is, so that only reading it shows the damage."""
    rewrite(file, lambda plain: plain.update(size=file.stat().st_size, sha256=sha256(file)))


async def restore(url: str, file: Path, vault: Vault | None = VAULT, *, without_keys: bool = False) -> None:
    """As `ccgraph restore` does it."""
    manifest = whole_dump(file)
    refuse_unfit(manifest, file, vault, without_keys=without_keys)
    await read_dump(url, manifest, file, silent)


async def refusal(url: str, file: Path, **options: Any) -> str:
    """The sentence with which a restore ends; the database stays empty."""
    with pytest.raises(StartupError) as refused:
        await restore(url, file, **options)
    assert await objects(url) == 0
    return str(refused.value)


@pytest.fixture(scope="module")
def postgres15(cluster15: Path) -> Iterator[Postgres15]:
    with postgres15_server(cluster15) as server:
        yield server


@pytest.fixture
def filled(postgres15: Postgres15) -> Iterator[str]:
    """A migrated database of an older server."""
    with postgres15.clone() as url:
        yield url


@pytest.fixture
def older(postgres15: Postgres15) -> str:
    """An empty database of an older server."""
    name = f"older_{next(NUMBERS)}"
    postgres15.run("createdb", "--owner", OWNER, "--template", "template0", name)
    return postgres15.url(name)


class TestMade:
    def test_it_has_the_rows_the_schema_and_what_it_needs(self, saved: Saved) -> None:
        assert saved.manifest.tables == saved.contents
        assert saved.manifest.row_count > 500
        assert list(saved.manifest.keys) == ["old"]
        assert "CREATE TABLE public.tasks" in schema_of(saved.file).read_text()
        assert read_manifest(manifest_of(saved.file)).tables == saved.manifest.tables
        assert "x" * 32 not in manifest_of(saved.file).read_text()

    def test_it_is_for_its_user_alone(self, saved: Saved) -> None:
        made = list(saved.file.parent.iterdir())
        assert {path.name for path in made} == {
            saved.file.name,
            manifest_of(saved.file).name,
            schema_of(saved.file).name,
        }
        assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}

    async def test_it_is_recorded(self, source: str, saved: Saved) -> None:
        connection = await asyncpg.connect(source)
        row = await connection.fetchrow("SELECT * FROM backup_runs WHERE id = $1", saved.manifest.id)
        await connection.close()
        assert row is not None
        assert (row["kind"], row["status"], row["path"]) == ("dump", "completed", str(saved.file))
        assert (row["size_bytes"], row["row_count"]) == (saved.manifest.size, saved.manifest.row_count)
        assert json.loads(row["encryption_keys"]) == ["old"]
        assert row["verified_at"] is None

    async def test_one_process_at_a_time(self, database_url: str, tmp_path: Path) -> None:
        async with exclusive(database_url):
            with pytest.raises(Busy, match="Another backup of this database is being made"):
                await make_dump(database_url, tmp_path, None, silent)
        assert entries(tmp_path) == []
        results = await asyncio.gather(
            *(make_dump(database_url, tmp_path, None, silent) for _ in range(2)), return_exceptions=True
        )
        assert [type(result) for result in results if isinstance(result, BaseException)] == [Busy]
        assert len(entries(tmp_path, "*.dump")) == 1

    async def test_one_that_fails_leaves_nothing_and_is_recorded(
        self, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGOPTIONS", "-c role=nobody_of_this_name")
        with pytest.raises(StartupError, match="no backup was made"):
            await make_dump(database_url, tmp_path, None, silent)
        assert entries(tmp_path) == []
        connection = await asyncpg.connect(database_url, server_settings={"role": "ccgraph"})
        row = await connection.fetchrow("SELECT status, path, error FROM backup_runs")
        await connection.close()
        assert row is not None
        assert (row["status"], row["path"]) == ("failed", None)
        assert "nobody_of_this_name" in row["error"]

    async def test_a_database_without_our_tables_is_not_saved(self, empty: str, tmp_path: Path) -> None:
        with pytest.raises(StartupError, match="no tables of ccgraph"):
            await make_dump(empty, tmp_path, None, silent)
        assert entries(tmp_path) == []

    async def test_old_ones_go_and_the_newest_stays(self, database_url: str, tmp_path: Path) -> None:
        made = [await make_dump(database_url, tmp_path, None, silent) for _ in range(3)]
        assert len({file.name for _, file in made}) == 3

        def aged(days: int) -> Change:
            moment = made[-1][0].started_at - timedelta(days=days)
            return lambda plain: plain.update(started_at=moment.isoformat())

        rewrite(made[0][1], aged(31))
        rewrite(made[1][1], aged(29))
        foreign = tmp_path / "letter.dump"
        foreign.write_text("Dear reader")
        keep = timedelta(days=30)
        assert files.remove_old_dumps(tmp_path, made[-1][0], keep) == [made[0][0].id]
        assert entries(tmp_path, "*.dump") == sorted([made[1][1], made[2][1], foreign])
        ancient = replace(made[-1][0], started_at=made[-1][0].started_at - timedelta(days=400))
        assert files.remove_old_dumps(tmp_path, ancient, keep) == []


class TestReadBack:
    async def test_every_row_is_as_it_was(self, saved: Saved, empty: str) -> None:
        await restore(empty, saved.file)
        found = await held(empty)
        # The feed begins anew, because transaction ids mean nothing in another cluster.
        anew = {name for name in found if "change_events" in name or name == "public.feed_state"}
        anew |= {name for name in found if name.startswith(("public.cc_logs", "public.task_logs"))}
        anew |= {name for name in found if name.startswith("public.system_logs")}
        assert {name: found[name] for name in found.keys() - anew} == {
            name: saved.contents[name] for name in saved.contents.keys() - anew
        }
        assert {name: one.rows for name, one in found.items() if "change_events" not in name} == {
            name: one.rows for name, one in saved.contents.items() if "change_events" not in name
        }

    async def test_what_is_not_empty_is_refused(self, saved: Saved, database_url: str) -> None:
        before = await held(database_url)
        with pytest.raises(StartupError, match=r"The database is not empty .* nothing was changed"):
            await restore(database_url, saved.file)
        assert await held(database_url) == before

    async def test_two_at_once_into_one_database(self, saved: Saved, empty: str) -> None:
        results = await asyncio.gather(
            *(restore(empty, saved.file) for _ in range(2)), return_exceptions=True
        )
        refused = [str(result) for result in results if isinstance(result, BaseException)]
        assert len(refused) == 1
        assert "another process" in refused[0] or "not empty" in refused[0]
        assert (await held(empty))["public.users"] == saved.contents["public.users"]

    @pytest.mark.skipif(not PROGRAMS.exists(), reason=MISSING)
    async def test_an_older_server_is_refused(self, saved: Saved, older: str) -> None:
        sentence = await refusal(older, saved.file)
        assert "was made by PostgreSQL 18 and this server is PostgreSQL 15" in sentence

    @pytest.mark.skipif(not PROGRAMS.exists(), reason=MISSING)
    async def test_a_dump_of_an_older_server_goes_into_that_one_and_into_a_newer_one(
        self, filled: str, older: str, empty: str, tmp_path: Path
    ) -> None:
        connection = await asyncpg.connect(filled)
        await connection.execute("INSERT INTO users (username, hashed_password) VALUES ('ada', 'x')")
        await connection.close()
        manifest, file = await make_dump(filled, tmp_path, None, silent)
        assert manifest.server_major == 15
        for target in (older, empty):
            await restore(target, file, vault=None)
            assert (await held(target))["public.users"] == manifest.tables["public.users"]


class TestRefused:
    async def test_a_flipped_bit(self, saved: Saved, empty: str, tmp_path: Path) -> None:
        file = saved.copied(tmp_path)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        assert "is damaged: its checksum is not that of" in await refusal(empty, file)

    @pytest.mark.parametrize("size", [0, 3, 5_000, -1])
    async def test_a_cut_off_file(self, saved: Saved, empty: str, tmp_path: Path, size: int) -> None:
        file = saved.copied(tmp_path)
        file.write_bytes(file.read_bytes()[:size])
        assert "is damaged: it has" in await refusal(empty, file)

    async def test_damage_that_only_reading_shows(self, saved: Saved, empty: str, tmp_path: Path) -> None:
        file = saved.copied(tmp_path)
        file.write_bytes(file.read_bytes()[:-20_000])
        acknowledge(file)
        assert "is damaged (" in await refusal(empty, file)

    async def test_other_rows_than_those_that_were_saved(
        self, saved: Saved, empty: str, tmp_path: Path
    ) -> None:
        file = saved.copied(tmp_path)
        rewrite(file, lambda plain: plain["tables"]["public.users"].update(digest="1"))
        assert "public.users has other values in its" in await refusal(empty, file)

    @pytest.mark.parametrize("content", [b"Dear reader", b"", b"PK\x03\x04 a zip file", b"\x00" * 100])
    async def test_a_foreign_file(self, empty: str, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "letter.dump"
        file.write_bytes(content)
        assert "is not a backup of ccgraph" in await refusal(empty, file)

    async def test_a_dump_without_its_manifest(self, saved: Saved, empty: str, tmp_path: Path) -> None:
        file = saved.copied(tmp_path)
        manifest_of(file).unlink()
        sentence = await refusal(empty, file)
        assert f"{manifest_of(file)} is missing" in sentence
        assert "pg-restore" in sentence

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "ccgraph-backup/1"}', "null"])
    async def test_a_damaged_manifest(self, saved: Saved, empty: str, tmp_path: Path, text: str) -> None:
        file = saved.copied(tmp_path)
        manifest_of(file).write_text(text)
        assert "is damaged: copy it again" in await refusal(empty, file)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda plain: plain.update(format="ccgraph-backup/2"), "install a newer one"),
            (
                lambda plain: plain.update(revision="9999"),
                "at revision 9999, which this ccgraph does not know",
            ),
            (lambda plain: plain.update(server_version=990001), "was made by PostgreSQL 99 and this server"),
        ],
    )
    async def test_what_is_newer(
        self, saved: Saved, empty: str, tmp_path: Path, change: Change, sentence: str
    ) -> None:
        file = saved.copied(tmp_path)
        rewrite(file, change)
        assert sentence in await refusal(empty, file)

    async def test_a_folder_and_what_is_not_there(self, empty: str, tmp_path: Path) -> None:
        assert "is a folder" in await refusal(empty, tmp_path)
        assert "cannot be read (No such file or directory)" in await refusal(empty, tmp_path / "x.dump")


class TestKeys:
    SECRET = "a key that signs nothing outside of the tests"

    async def test_a_key_that_is_not_set(self, saved: Saved, empty: str) -> None:
        for vault in (None, Vault.of(self.SECRET)):
            sentence = await refusal(empty, saved.file, vault=vault)
            assert "needs the encryption key `old`, which is not set" in sentence

    async def test_another_key_of_the_same_name(self, saved: Saved, empty: str) -> None:
        sentence = await refusal(empty, saved.file, vault=Vault.of(self.SECRET, {"old": "y" * 32}))
        assert "`old`, and the key of this name is another one" in sentence

    async def test_it_can_be_restored_without(self, saved: Saved, empty: str) -> None:
        await restore(empty, saved.file, vault=None, without_keys=True)
        assert (await held(empty))["public.notification_settings"] == saved.contents[
            "public.notification_settings"
        ]


def test_what_differs_is_told() -> None:
    saved = {"a": Content(1, "1"), "b": Content(2, "2"), "c": Content(3, "3")}
    found = {"a": Content(1, "1"), "b": Content(1, "2"), "d": Content(0, "0")}
    assert differences(saved, found) == ["b has 1 rows of 2", "c is missing", "d was not saved"]
    assert differences(saved, {**saved, "a": Content(1, "2")}) == ["a has other values in its 1 rows"]
    assert differences(saved, saved) == []
