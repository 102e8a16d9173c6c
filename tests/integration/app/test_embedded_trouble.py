"""Starts that cannot succeed: each ends in a sentence that says what to do, with the data untouched."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from app.config.errors import StartupError
from app.database.embedded import embedded_server
from tests.support.holding import QUICK, holding

running = partial(embedded_server, command="pytest", overrides=QUICK)


def fingerprint(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Every file with what tells whether somebody touched it."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns)
    return found


def refusal(folder: Path) -> str:
    """The sentence with which a start on the folder ends; nothing in it may change."""
    before = fingerprint(folder)
    with pytest.raises(StartupError) as refused, running(folder):
        pass
    assert fingerprint(folder) == before
    return str(refused.value)


def test_a_cluster_of_another_major_version(cluster: Path) -> None:
    (cluster / "postgres" / "PG_VERSION").write_text("15\n")
    sentence = refusal(cluster)
    assert "made by PostgreSQL 15 and this ccgraph runs PostgreSQL 18" in sentence
    assert "pg_dump" in sentence


def test_a_cluster_without_its_version(cluster: Path) -> None:
    (cluster / "postgres" / "PG_VERSION").unlink()
    assert "restore it from a backup" in refusal(cluster)


def test_a_folder_with_files_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    assert "set CCGRAPH_DATA_DIR to a new or empty folder" in refusal(tmp_path)


def test_a_data_directory_that_another_postgresql_made(cluster: Path) -> None:
    sentence = refusal(cluster / "postgres")
    assert "PostgreSQL 18 that ccgraph did not make" in sentence
    assert "DATABASE_URL" in sentence


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StartupError, match="set CCGRAPH_DATA_DIR"), running(tmp_path / "data"):
        pass


def test_a_setting_that_postgresql_does_not_take(cluster: Path) -> None:
    with (cluster / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")
    with pytest.raises(StartupError, match="shared_buffers"), running(cluster):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as other users")
def test_the_folder_of_another_user(cluster: Path, open_folder: Path) -> None:
    cluster = Path(shutil.move(cluster, open_folder / "data"))  # perhaps on another disk
    before = fingerprint(cluster)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with holding(cluster, prefix=as_nobody) as held:
        assert "run ccgraph as the user that owns it" in held.answer
    assert fingerprint(cluster) == before


ON_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size={size},mode=755 tmpfs {disk}
{before}
{python} -m tests.support.holding {disk}/data "ccgraph psql" < /dev/null
{after}
"""


def on_a_small_disk(disk: Path, size: str, before: str = "", after: str = "") -> list[str]:
    """What starts on a disk of that size answer; the mount is seen by this one shell and goes with it."""
    disk.mkdir()
    script = ON_A_SMALL_DISK.format(size=size, disk=disk, before=before, after=after, python=sys.executable)
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
class TestFullDisk:
    def test_a_new_cluster_leaves_nothing_half_made(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        answer, *rest = on_a_small_disk(disk, "20m", after=f"ls {disk}/data")
        assert "no room left on the disk" in answer
        assert "free some space" in answer
        assert "postgres" not in rest
        assert "postgres.new" not in rest

    def test_an_existing_cluster_starts_again_when_there_is_room(self, tmp_path: Path, cluster: Path) -> None:
        disk = tmp_path / "disk"
        first, second = on_a_small_disk(
            disk,
            "100m",
            before=f"cp -a {cluster} {disk}/data; cat /dev/zero > {disk}/filling 2>/dev/null || true",
            after=f"rm {disk}/filling; {sys.executable} -m tests.support.holding {disk}/data x < /dev/null",
        )
        assert "no room left on the disk" in first
        assert "the data is untouched" in first
        assert second.startswith("postgresql://")
