"""Every setting, and the only reader of the environment; docs/configuration.md is its table."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import StartupError

PREFIX = "CCGRAPH_"
UNPREFIXED = {"database_url", "database_read_url", "broadcast_url"}
SECRET_KEY_LENGTH = 32


def _postgresql_url(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in ("postgresql", "postgres"):
        raise ValueError("it must begin with postgresql://")
    return url


def _broadcast_url(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in ("memory", "postgres", "postgresql", "redis", "rediss"):
        raise ValueError("it must begin with memory://, postgresql:// or redis://")
    return url


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < SECRET_KEY_LENGTH:
        raise ValueError(f"it must have at least {SECRET_KEY_LENGTH} characters")
    return key


PostgresqlUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]


class Settings(BaseSettings):
    """One frozen value for the life of a process. A description says what the variable takes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    database_url: PostgresqlUrl | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="the PostgreSQL server (13 or newer), as `postgresql://user:password@host:port/database`",
    )
    database_read_url: PostgresqlUrl | None = Field(
        None,
        validation_alias="DATABASE_READ_URL",
        description="a read replica of DATABASE_URL for queries, as `postgresql://user:password@host:port/database`",
    )
    broadcast_url: Annotated[SecretStr, AfterValidator(_broadcast_url)] = Field(
        SecretStr("memory://"),
        validation_alias="BROADCAST_URL",
        description="how processes wake each other: `memory://` (one process), `postgresql://...` or `redis://...`",
    )
    data_dir: Path = Field(
        Path(".data"), description="the folder of the embedded PostgreSQL, used when DATABASE_URL is not set"
    )
    host: str = Field("127.0.0.1", min_length=1, description="the address to listen on; `0.0.0.0` for all")
    port: int = Field(
        8000, ge=0, le=65535, description="the TCP port to listen on, 0 to 65535; 0 picks a free one"
    )
    secret_key: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        None,
        description="what signs tokens: at least 32 characters, the same for all processes, "
        "such as the output of `openssl rand -hex 32`",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged: `debug`, `info`, `warning` or `error` and above"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="`console` for people, `json` for collectors; `auto` looks whether a terminal is there",
    )
    read_pool_size: int = Field(10, ge=1, le=1000, description="connections for queries, 1 to 1000 a process")
    write_pool_size: int = Field(10, ge=1, le=1000, description="connections for writes, 1 to 1000 a process")
    statement_timeout: float = Field(
        30, gt=0, le=3600, description="seconds after which PostgreSQL cancels a statement, up to 3600"
    )
    shutdown_timeout: int = Field(
        20, ge=0, le=3600, description="seconds that requests in flight get to finish at shutdown, 0 to 3600"
    )

    def signing_key(self) -> str:
        """The secret key, or StartupError that says what to set."""
        if self.secret_key is None:
            raise StartupError(
                "CCGRAPH_SECRET_KEY is not set: set it to the output of `openssl rand -hex 32`, "
                "the same for all processes that use this database."
            )
        return self.secret_key.get_secret_value()


def variable(field: str) -> str:
    """The environment variable of a field."""
    return field.upper() if field in UNPREFIXED else PREFIX + field.upper()


def load_settings() -> Settings:
    """The settings of the environment and `.env`, or StartupError about the first wrong one."""
    _refuse_unknown_variables()
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        field = name.lower().removeprefix(PREFIX.lower())
        reason = first["msg"].removeprefix("Value error, ")
        raise StartupError(
            f"{variable(field)} is wrong ({reason[0].lower()}{reason[1:]}): "
            f"set it to {Settings.model_fields[field].description}."
        ) from None


def _refuse_unknown_variables() -> None:
    """A misspelt variable would otherwise be a setting that silently does nothing."""
    known = {variable(field) for field in Settings.model_fields}
    for name in sorted({*os.environ, *_names_in_env_file()}):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/configuration.md lists the settings."
            raise StartupError(f"{name} is not a setting of ccgraph: {hint}")


def _names_in_env_file() -> list[str]:
    try:
        lines = Path(".env").read_text().splitlines()
    except OSError:
        return []
    return [line.partition("=")[0].removeprefix("export ").strip() for line in lines]
