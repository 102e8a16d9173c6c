"""Every setting, and the only reader of the environment; docs/configuration.md is its table."""

import difflib
import ipaddress
import os
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.errors import StartupError
from app.config.groups.database import DatabaseSettings
from app.config.groups.delivery import DeliverySettings
from app.config.groups.events import EventSettings
from app.config.groups.ingest import IngestSettings
from app.config.groups.requests import RequestSettings
from app.config.groups.server import ServerSettings
from app.config.groups.upkeep import UpkeepSettings
from services.secrets.vault import Vault

PREFIX = "CCGRAPH_"
UNPREFIXED = {"database_url", "database_read_url", "broadcast_url"}
OF_CLIENTS = {"CCGRAPH_URL", "CCGRAPH_TOKEN", "CCGRAPH_INGEST_TOKEN", "CCGRAPH_INSTANCE"}
"""Variables of `ccgraph mcp` and `ccgraph mcp-proxy`, which read no settings."""
OF_PROXIES = "CCGRAPH_MCP_"
"""Variables that begin so are of the proxy of an MCP server that speaks HTTP."""


class Settings(
    # Pydantic takes the fields of the last one first, and so does the documented table.
    IngestSettings,
    DeliverySettings,
    UpkeepSettings,
    EventSettings,
    RequestSettings,
    ServerSettings,
    DatabaseSettings,
    BaseSettings,
):
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

    @property
    def serves_dashboard(self) -> bool:
        """True if browsers get pages: not where only the trusted documents of an operator are answered."""
        return self.dashboard and self.trusted_documents is None

    @property
    def only_this_machine(self) -> bool:
        """True if `host` is a loopback address, which only this machine reaches."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # the name of a host
            return False

    @property
    def backups(self) -> Path:
        """The folder of backups, absolute."""
        return (self.backup_dir or self.data_dir / "backups").expanduser().absolute()

    @property
    def origins(self) -> tuple[str, ...]:
        """`allowed_origins` one by one."""
        return tuple(origin for part in self.allowed_origins.split(",") if (origin := part.strip()))

    def vault(self) -> Vault:
        """The vault that encrypts columns. Raises: StartupError without `secret_key`."""
        named = self.encryption_keys.get_secret_value() if self.encryption_keys else ""
        pairs = (part.strip().partition(":") for part in named.split(",") if part.strip())
        return Vault.of(self.signing_key(), {name: key for name, _, key in pairs})

    def signing_key(self) -> str:
        """The secret key. Raises: StartupError that says what to set."""
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
    """The settings of the environment and `.env`. Raises: StartupError about the first wrong one."""
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
    known = {variable(field) for field in Settings.model_fields.keys() - UNPREFIXED} | OF_CLIENTS
    for name in sorted({*os.environ, *_names_in_env_file()}):
        if name.startswith(PREFIX) and not name.startswith(OF_PROXIES) and name not in known:
            endings = [setting.removeprefix(PREFIX) for setting in known]
            near = difflib.get_close_matches(name.removeprefix(PREFIX), endings, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/configuration.md lists the settings."
            raise StartupError(f"{name} is not a setting of ccgraph: {hint}")


def _names_in_env_file() -> list[str]:
    try:
        lines = Path(".env").read_text().splitlines()
    except OSError:
        return []
    return [line.partition("=")[0].removeprefix("export ").strip() for line in lines]
