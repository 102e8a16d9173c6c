"""What each command does, says and ends with."""

import json
from pathlib import Path

import pytest

from models.enums import TokenType
from services.accounts.tokens import TokenPolicy, read
from tests.acceptance.commands.conftest import Run

POLICY = TokenPolicy("a key that signs nothing outside of the tests")
PASSWORD = "correct horse battery staple\n"


def test_help_names_every_command_and_its_purpose(ccgraph: Run) -> None:
    shown = ccgraph("--help", COLUMNS="200").stdout
    for command in (
        "serve",
        "migrate",
        "create-admin",
        "token",
        "check",
        "demo",
        "import-mcp",
        "mcp-proxy",
        "connect",
        "disconnect",
        "doctor",
        "watch",
        "import-transcripts",
        "schema",
        "psql",
        "backup",
        "restore",
        "maintenance",
    ):
        assert f" {command} " in shown


def test_a_token_is_all_that_token_prints(on_database: Run) -> None:
    assert on_database("create-admin", "--username", "boss", text=PASSWORD).returncode == 0
    printed = on_database("token", "--username", "boss")
    assert printed.returncode == 0
    assert read(POLICY, printed.stdout.strip(), TokenType.ACCESS).kind is TokenType.ACCESS
    assert printed.stdout.count("\n") == 1


def test_an_unknown_user_gets_a_sentence_and_no_token(on_database: Run) -> None:
    refused = on_database("token", "--username", "nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no active account named nobody" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("token",),
        ("check",),
        ("maintenance",),
        ("backup",),
        ("psql", "--command", "SELECT 1"),
        ("worker",),
        ("rotate-keys",),
    ],
)
def test_where_there_is_no_database_a_command_says_so_and_makes_none(
    ccgraph: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    refused = ccgraph(*command)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"There is no database of ccgraph in {tmp_path / '.data'}: go to the folder" in refused.stderr
    assert not (tmp_path / ".data").exists()


def test_an_administrator_is_created_once(on_database: Run) -> None:
    assert on_database("create-admin", "--username", "boss", text=PASSWORD).returncode == 0
    again = on_database("create-admin", "--username", "boss", text=PASSWORD)
    assert again.returncode == 1
    assert "already has this username" in again.stderr
    assert on_database("psql", "-Atc", "SELECT count(*) FROM users").stdout == "1\n"


def test_check_ends_with_1_when_something_is_amiss(on_database: Run) -> None:
    assert on_database("check").returncode == 0
    on_database("demo", "--scale", "0.001", "--until", "2026-11-01T00:00:00Z")
    newest = on_database("psql", "-Atc", "SELECT max(created_at) FROM file_operations").stdout
    assert "2026-10-25" < newest < "2026-11-01"
    on_database("psql", "-qc", "UPDATE projects SET total_sessions = total_sessions + 1")
    found = on_database("check", COLUMNS="120")
    assert found.returncode == 1
    assert "look" in next(line for line in found.stdout.splitlines() if "wrong number of sessions" in line)


def test_psql_passes_its_arguments_and_its_exit_code_on(on_database: Run) -> None:
    assert on_database("psql", "-Atc", "SELECT current_user").stdout == "ccgraph\n"
    assert on_database("psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT nonsense").returncode == 1


def test_a_restored_database_has_a_feed_of_its_own(on_database: Run, tmp_path: Path) -> None:
    def asked(sql: str) -> str:
        return on_database("psql", "-Atc", sql).stdout.strip()

    dump = str(tmp_path / "ccgraph.dump")
    asked("INSERT INTO users (username, hashed_password) VALUES ('somebody', 'x')")
    asked("INSERT INTO projects (name, owner_id) SELECT 'alpha', id FROM users")
    asked("INSERT INTO cc_logs (log_level, category, message) VALUES ('info', 'system', 'old')")
    assert on_database("pg-dump", "--format=custom", f"--file={dump}").returncode == 0
    before = asked("SELECT epoch FROM feed_state")
    assert on_database("pg-restore", "--list", dump).returncode == 0
    assert asked("SELECT epoch FROM feed_state") == before
    on_database("psql", "-qc", "DROP SCHEMA public CASCADE", "-c", "CREATE SCHEMA public")
    assert on_database("pg-restore", dump).returncode == 0
    assert asked("SELECT epoch FROM feed_state") not in {before, ""}
    assert asked("SELECT count(*) FROM change_events") == "0"
    assert asked("SELECT name FROM projects") == "alpha"
    assert asked("SELECT xid FROM cc_logs") == "3"


def test_the_recorded_traffic_is_imported_once(on_database: Run, tmp_path: Path) -> None:
    on_database("demo", "--scale", "0.001")
    instance = on_database("psql", "-Atc", "SELECT id FROM cc_instances LIMIT 1").stdout.strip()
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}
    (tmp_path / "traffic.jsonl").write_text(json.dumps(call) + "\n" + json.dumps(answer) + "\n")
    first = on_database("import-mcp", "traffic.jsonl", "--instance", instance)
    assert "2 messages: 2 recorded" in first.stderr
    again = on_database("import-mcp", "traffic.jsonl", "--instance", instance)
    assert "0 recorded, 2 were there already" in again.stderr


def test_a_wrong_line_is_named_and_nothing_is_stored(on_database: Run, tmp_path: Path) -> None:
    on_database("demo", "--scale", "0.001")
    instance = on_database("psql", "-Atc", "SELECT id FROM cc_instances LIMIT 1").stdout.strip()
    count = ("psql", "-Atc", "SELECT count(*) FROM mcp_messages")
    before = on_database(*count).stdout
    (tmp_path / "traffic.jsonl").write_text('{"jsonrpc": "2.0", "method": "ping", "id": 1}\nnonsense\n')
    refused = on_database("import-mcp", "traffic.jsonl", "--instance", instance)
    assert refused.returncode == 1
    assert "line 2" in refused.stderr
    assert on_database(*count).stdout == before


def test_the_schema_is_written_and_compared(ccgraph: Run, tmp_path: Path) -> None:
    assert ccgraph("schema", "--check").returncode == 1
    assert ccgraph("schema").returncode == 0
    assert "type Query" in (tmp_path / "schema.graphql").read_text()
    assert ccgraph("schema", "--check").returncode == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"DATABASE_URL": "postgresql://localhost:1/x", "CCGRAPH_DATABASE_START_TIMEOUT": "0"},
            "DATABASE_URL cannot be used",
        ),
        ({"CCGRAPH_PORT": "http"}, "CCGRAPH_PORT is wrong"),
        ({"CCGRAPH_PROT": "1"}, "did you mean CCGRAPH_PORT?"),
    ],
)
def test_a_wrong_setting_ends_in_one_sentence(ccgraph: Run, settings: dict[str, str], sentence: str) -> None:
    refused = ccgraph("migrate", **settings)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_server_on_a_database_of_ours_needs_a_secret_key(ccgraph: Run, database_url: str) -> None:
    refused = ccgraph("serve", DATABASE_URL=database_url)
    assert refused.returncode == 1
    assert "CCGRAPH_SECRET_KEY is not set" in refused.stderr


def test_a_database_without_our_tables_is_not_served(on_database: Run) -> None:
    on_database("psql", "-qc", "DROP TABLE alembic_version")
    refused = on_database("check")
    assert refused.returncode == 1
    assert "run `ccgraph migrate`" in refused.stderr
