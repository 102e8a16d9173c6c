"""Every setting, and the only reader of the environment; docs/configuration.md is its table."""

import difflib
import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.errors import StartupError
from services.core.addresses import AllowedAddresses
from services.core.hosts import each_host, of_primary
from services.delivery.channels.web_push import Vapid
from services.secrets.vault import Vault

PREFIX = "CCGRAPH_"
UNPREFIXED = {"database_url", "database_read_url", "broadcast_url"}
OF_CLIENTS = {"CCGRAPH_URL", "CCGRAPH_TOKEN", "CCGRAPH_INGEST_TOKEN", "CCGRAPH_INSTANCE"}
"""Variables of `ccgraph mcp` and `ccgraph mcp-proxy`, which read no settings."""
OF_PROXIES = "CCGRAPH_MCP_"
"""Variables that begin so are of the proxy of an MCP server that speaks HTTP."""

SECRET_KEY_LENGTH = 32
MOST_REPLICAS = 16


_POSTGRESQL = ("postgresql", "postgres")


def _postgresql_url(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in _POSTGRESQL:
        raise ValueError("it must begin with postgresql://")
    return url


def _primary_url(url: SecretStr) -> SecretStr:
    return SecretStr(of_primary(_postgresql_url(url).get_secret_value()))


def _replica_url(url: SecretStr) -> SecretStr:
    if len(each_host(_postgresql_url(url).get_secret_value())) > MOST_REPLICAS:
        raise ValueError(f"it names more than {MOST_REPLICAS} hosts")
    return url


def _broadcast_url(url: SecretStr) -> SecretStr:
    scheme = urlsplit(url.get_secret_value()).scheme
    if scheme not in ("memory", *_POSTGRESQL, "redis", "rediss"):
        raise ValueError("it must begin with memory://, postgresql:// or redis://")
    # What listens does so at the primary.
    return _primary_url(url) if scheme in _POSTGRESQL else url


def _keys_with_names(value: SecretStr) -> SecretStr:
    for part in value.get_secret_value().split(","):
        if not re.fullmatch(r"\s*[A-Za-z0-9_-]{1,40}:\S{32,}\s*", part):
            raise ValueError("write name:key,name:key, each key at least 32 characters without blanks")
    return value


def _networks(value: str) -> str:
    for part in value.split(","):
        if part.strip():
            ipaddress.ip_network(part.strip())
    return value


def _allowed_addresses(value: str) -> str:
    AllowedAddresses.of(value)
    return value


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
        raise ValueError("it must begin with https:// or http:// and have no query")
    return value.rstrip("/")


def _contact(value: str) -> str:
    if not value.startswith(("mailto:", "https://")):
        raise ValueError("it must begin with mailto: or https://")
    return value


def _vapid_key(key: SecretStr) -> SecretStr:
    Vapid.of(key.get_secret_value(), "")
    return key


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < SECRET_KEY_LENGTH:
        raise ValueError(f"it must have at least {SECRET_KEY_LENGTH} characters")
    return key


PrimaryUrl = Annotated[SecretStr, AfterValidator(_primary_url)]
ReplicaUrl = Annotated[SecretStr, AfterValidator(_replica_url)]


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

    database_url: PrimaryUrl | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="the PostgreSQL server (13 or newer), as "
        "`postgresql://user:password@host:port/database`; of several, `host:port,host:port`, the primary is "
        "found",
    )
    database_read_url: ReplicaUrl | None = Field(
        None,
        validation_alias="DATABASE_READ_URL",
        description="read replicas of DATABASE_URL for queries, as "
        "`postgresql://user:password@host:port,host:port/database`, 16 at most",
    )
    replica_lag: float = Field(
        5,
        gt=0,
        le=3600,
        description="seconds that a replica may lag behind until queries go elsewhere, up to 3600",
    )
    database_start_timeout: float = Field(
        10,
        ge=0,
        le=3600,
        description="seconds that a start waits for a database that starts, recovers or has no connection "
        "left, 0 to 3600",
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
    encryption_keys: Annotated[SecretStr, AfterValidator(_keys_with_names)] | None = Field(
        None,
        description="what encrypts secrets in the database, as `name:key,name:key`: the first key encrypts, "
        "the others still decrypt until `ccgraph rotate-keys` has run; derived from CCGRAPH_SECRET_KEY "
        "if absent",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged: `debug`, `info`, `warning` or `error` and above"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="`console` for people, `json` for collectors; `auto` looks whether a terminal is there",
    )
    read_pool_size: int = Field(10, ge=1, le=1000, description="connections for queries, 1 to 1000 a process")
    write_pool_size: int = Field(
        10,
        ge=1,
        le=1000,
        description="connections for transactions, as many again for single changes, 1 to 1000 a process",
    )
    person_share: int = Field(
        50,
        ge=1,
        le=100,
        description="percent of the connections for queries, and of those for changes, "
        "that one person may use at a time",
    )
    share_reads: bool = Field(
        True,
        description="`false` gives each query its own statement, also when a person asks the same many times "
        "at once",
    )
    statement_timeout: float = Field(
        30, gt=0, le=3600, description="seconds after which PostgreSQL cancels a statement, up to 3600"
    )
    access_token_minutes: int = Field(
        15, ge=1, le=1440, description="minutes that an access token of a login lives, 1 to 1440"
    )
    refresh_token_days: int = Field(
        30, ge=1, le=366, description="days that a login lasts without being used, 1 to 366"
    )
    request_timeout: float = Field(
        15, gt=0, le=3600, description="seconds in which the headers and body of a request must arrive"
    )
    response_timeout: int = Field(
        60,
        ge=1,
        le=3600,
        description="seconds in which a client must take 64 KiB of a response, or what is left of it; "
        "also those after which a client that has vanished is given up",
    )
    maximum_body: int = Field(
        1_000_000,
        ge=1_000,
        le=100_000_000,
        description="bytes that the body of a request may have, from 1000",
    )
    maximum_batch: int = Field(
        0, ge=0, le=100, description="operations that a JSON array may bring in one request; 0 refuses arrays"
    )
    maximum_tokens: int = Field(
        5_000, ge=100, le=1_000_000, description="lexical tokens that a document may have, from 100"
    )
    maximum_depth: int = Field(20, ge=1, le=100, description="fields that an operation may nest, 1 to 100")
    maximum_aliases: int = Field(
        100, ge=0, le=10_000, description="aliases that an operation may use, its fragments expanded"
    )
    maximum_cost: int = Field(
        1_000_000, ge=1, le=1_000_000_000, description="rows that an operation could return at most"
    )
    maximum_subscriptions: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="subscriptions that a person may have open in one process, over all connections",
    )
    introspection: bool = Field(
        True, description="`false` answers no `__schema` and `__type`, and no error suggests names"
    )
    dashboard: bool = Field(
        True, description="`false` serves no pages to browsers, and no logins at /session"
    )
    graphiql: bool = Field(True, description="`false` serves no page to browsers at /graphql")
    persisted_queries: bool = Field(True, description="`false` switches automatic persisted queries off")
    trusted_documents: Path | None = Field(
        None,
        description="a folder of `.graphql` files or a JSON manifest; with it, nothing else is answered",
    )
    allowed_origins: str = Field(
        "",
        description="origins whose pages may call the API (CORS, WebSocket), such as "
        "`https://dash.example,https://ops.example`; `*` for all",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        "",
        description="addresses or networks of proxies whose X-Forwarded-For is believed: `10.0.0.0/8`",
    )
    heartbeat_timeout: float = Field(
        60,
        gt=0,
        le=86_400,
        description="seconds without a heartbeat after which an instance is marked ERROR, up to 86400",
    )
    working_timeout: float = Field(
        3_600,
        gt=0,
        le=604_800,
        description="seconds without a word from a Claude Code at work after which it counts as gone, "
        "up to 604800",
    )
    permission_wait: float = Field(
        60,
        ge=0,
        le=3_600,
        description="seconds that a permission request of a project with holdPermissionRequests is held, "
        "up to 3600; 0: none is",
    )
    process_timeout: float = Field(
        30,
        gt=0,
        le=3600,
        description="seconds after which the connections of a process that died are closed in "
        "`websocketSessions`, up to 3600",
    )
    feed_poll: float = Field(
        0.02,
        ge=0.005,
        le=60,
        description="seconds after which the server notices a change that was not announced, by plain SQL "
        "for instance, 0.005 to 60",
    )
    keep_alive: float = Field(
        20,
        gt=0,
        le=3600,
        description="seconds of silence after which a connection gets a sign of life, up to 3600; "
        "less than the idle time-out of proxies",
    )
    live_poll: float = Field(
        5,
        ge=0.1,
        le=3600,
        description="seconds after which a live query is read again that depends on something of which no "
        "event tells, such as a description or a person's name, 0.1 to 3600",
    )
    confirmation_timeout: float = Field(
        30,
        gt=0,
        le=3600,
        description="seconds after which a notification to connections is sent again unless it was "
        "confirmed, up to 3600",
    )
    confirmation_retries: int = Field(
        5, ge=0, le=100, description="how often such a notification is sent again before it has failed"
    )
    backup_dir: Path | None = Field(
        None,
        description="the folder of backups; `backups` in CCGRAPH_DATA_DIR if absent, "
        "better one on another disk",
    )
    backup_every: float = Field(
        0,
        ge=0,
        le=8760,
        description="hours from one backup that the server makes by itself to the next, up to 8760; "
        "0 for none",
    )
    backup_keep_days: int = Field(
        30, ge=1, le=36_500, description="days that backups are kept, 1 to 36500; the newest always is"
    )
    backup_verify: bool = Field(
        False, description="`true` reads back each dump that the server makes by itself"
    )
    wal_archive: bool = Field(
        False,
        description="`true` lets the embedded PostgreSQL archive its log into CCGRAPH_BACKUP_DIR, and the "
        "server make base backups, for `ccgraph restore --at`",
    )
    wal_archive_timeout: int = Field(
        300,
        ge=1,
        le=86_400,
        description="seconds after which a change is in the archived log at the latest, 1 to 86400",
    )
    worker: bool = Field(
        True,
        description="`false` leaves the delivery of notifications, the digestion of what Claude Code tells, "
        "and the schedule of maintenance to `ccgraph worker`, as `--no-worker` does",
    )
    public_url: Annotated[str, AfterValidator(_web_url)] = Field(
        "",
        description="where people use the fleet, such as `https://fleet.example`: notifications link to its "
        "pages; without it they have no links",
    )
    delivery_timeout: float = Field(
        10, gt=0, le=300, description="seconds in which a receiver of a notification has to answer, up to 300"
    )
    delivery_concurrency: int = Field(
        200, ge=1, le=900, description="notifications that a worker sends at a time, 1 to 900"
    )
    delivery_places: int = Field(
        8,
        ge=1,
        le=100,
        description="notifications that a worker sends to one person by one service at a time, 1 to 100",
    )
    delivery_backoff: float = Field(
        5,
        ge=0.01,
        le=3600,
        description="seconds before the second attempt at most, twice as many before each further one, "
        "up to an hour; 0.01 to 3600",
    )
    delivery_poll: float = Field(
        0.2,
        ge=0.005,
        le=60,
        description="seconds after which a worker notices at the latest a notification that is due and that "
        "nothing announced, 0.005 to 60",
    )
    delivery_breaker_failures: int = Field(
        5,
        ge=1,
        le=1000,
        description="attempts in a row that a receiver may fail before it is left alone for a while, "
        "1 to 1000",
    )
    delivery_breaker_pause: float = Field(
        30,
        ge=0.01,
        le=600,
        description="seconds for which it is left alone at first, twice as many each further time, up to 600",
    )
    delivery_allowed: Annotated[str, AfterValidator(_allowed_addresses)] = Field(
        "",
        description="private networks and hosts that notifications may be sent to, as "
        "`10.0.0.0/8,hooks.corp.example`; without it, public addresses only",
    )
    ingest_maximum_body: int = Field(
        8_000_000,
        ge=10_000,
        le=100_000_000,
        description="bytes that a request to /ingest or /v1 may have, as sent and decompressed, from 10000",
    )
    ingest_records_per_hour: int = Field(
        2_000_000,
        ge=1,
        le=10_000_000_000,
        description="hooks, lines of transcripts and telemetry records that a person may hand in within "
        "an hour",
    )
    ingest_bytes_per_hour: int = Field(
        4_000_000_000,
        ge=10_000,
        le=10_000_000_000_000,
        description="bytes that a person may hand in within an hour, decompressed, from 10000",
    )
    ingest_content: bool = Field(
        True,
        description="`false` keeps metadata only of what Claude Code tells: no prompts, no tool input or "
        "output",
    )
    ingest_poll: float = Field(
        0.2,
        ge=0.005,
        le=60,
        description="seconds after which a worker notices at the latest a record that another process has "
        "stored, where `BROADCAST_URL` does not tell it, 0.005 to 60",
    )
    slack_url: Annotated[str, AfterValidator(_web_url)] = Field(
        "https://slack.com/api", description="where Slack's Web API is"
    )
    discord_url: Annotated[str, AfterValidator(_web_url)] = Field(
        "https://discord.com/api", description="where Discord's API is"
    )
    line_url: Annotated[str, AfterValidator(_web_url)] = Field(
        "https://api.line.me", description="where LINE's Messaging API is"
    )
    web_push_key: Annotated[SecretStr, AfterValidator(_vapid_key)] | None = Field(
        None,
        description="the private VAPID key of Web Push, 32 bytes in base64url; derived from "
        "CCGRAPH_SECRET_KEY if absent",
    )
    web_push_contact: Annotated[str, AfterValidator(_contact)] = Field(
        "mailto:ccgraph@localhost",
        description="whom a push service may write to, as `mailto:ops@example.com` or a URL",
    )
    maintenance_every: float = Field(
        3600,
        ge=0,
        le=604_800,
        description="seconds from one run of maintenance to the next, of all processes together, up to "
        "604800; 0 leaves it to `ccgraph maintenance`",
    )
    shutdown_timeout: int = Field(
        20, ge=0, le=3600, description="seconds that requests in flight get to finish at shutdown, 0 to 3600"
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
