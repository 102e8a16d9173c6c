"""Settings: where they come from, and the sentence for a wrong one."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.config.errors import StartupError
from app.config.settings import Settings, load_settings
from tests.support import configuration

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, without a `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_set_is_the_embedded_server_on_the_loopback_address() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8000, Path(".data"))


def test_the_documented_table_is_that_of_the_settings() -> None:
    assert configuration.documented() == configuration.table(), (
        "run `python -m tests.support.configuration` and commit docs/configuration.md"
    )


def test_the_environment_goes_before_the_file(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / ".env").write_text("CCGRAPH_PORT=1\nCCGRAPH_HOST=::1\nOTHER=x\n")
    monkeypatch.setenv("CCGRAPH_PORT", "2")
    settings = load_settings()
    assert (settings.host, settings.port) == ("::1", 2)


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert load_settings().database_url is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CCGRAPH_PORT", "http", "CCGRAPH_PORT is wrong .*set it to the TCP port to listen on, 0 to 65535"),
        ("CCGRAPH_PORT", "65536", "CCGRAPH_PORT is wrong .*less than or equal to 65535"),
        ("CCGRAPH_LOG_LEVEL", "loud", "CCGRAPH_LOG_LEVEL is wrong .*`debug`, `info`"),
        ("CCGRAPH_STATEMENT_TIMEOUT", "0", "CCGRAPH_STATEMENT_TIMEOUT is wrong .*greater than 0"),
        ("CCGRAPH_SECRET_KEY", "short", "CCGRAPH_SECRET_KEY is wrong .*at least 32 characters"),
        ("DATABASE_URL", "mysql://db/x", "DATABASE_URL is wrong .*must begin with postgresql://"),
        ("DATABASE_READ_URL", "replica", "DATABASE_READ_URL is wrong .*must begin with postgresql://"),
        ("BROADCAST_URL", "kafka://x", "BROADCAST_URL is wrong .*memory://, postgresql:// or redis://"),
        (
            "CCGRAPH_TRUSTED_PROXIES",
            "*",
            "CCGRAPH_TRUSTED_PROXIES is wrong .*set it to addresses or networks",
        ),
        ("CCGRAPH_TRUSTED_PROXIES", "10.0.0.1/8", "CCGRAPH_TRUSTED_PROXIES is wrong .*has host bits set"),
        ("CCGRAPH_TRUSTED_PROXIES", "::1, proxy", "CCGRAPH_TRUSTED_PROXIES is wrong .*'proxy' does not"),
        ("CCGRAPH_PRT", "1", "CCGRAPH_PRT is not a setting of ccgraph: did you mean CCGRAPH_PORT?"),
        ("CCGRAPH_XYZZY", "1", "CCGRAPH_XYZZY is not a setting .*docs/configuration.md lists"),
    ],
)
def test_a_wrong_variable_ends_in_a_sentence_that_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=sentence) as refused:
        load_settings()
    assert "\n" not in str(refused.value)


def test_a_misspelt_line_of_the_file_is_told_too(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("export CCGRAPH_SECRETKEY=" + KEY)
    with pytest.raises(StartupError, match=r"did you mean CCGRAPH_SECRET_KEY\?"):
        load_settings()


def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hunter2@db/x")
    with pytest.raises(StartupError) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@db/x")
    monkeypatch.setenv("CCGRAPH_SECRET_KEY", KEY)
    settings = load_settings()
    assert "hunter2" not in repr(settings)
    assert KEY not in repr(settings)
    assert settings.signing_key() == KEY


def test_a_missing_secret_key_is_told_by_who_needs_it() -> None:
    with pytest.raises(StartupError, match="CCGRAPH_SECRET_KEY is not set: set it to the output of"):
        load_settings().signing_key()


def test_settings_do_not_change() -> None:
    settings = Settings(_env_file=None)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
    assert settings.port == 8000
