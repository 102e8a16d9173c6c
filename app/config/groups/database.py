"""Settings of the database: where it is, its replicas, its connections, and how processes wake each other."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr

from app.config.value_types import BroadcastUrl, PrimaryUrl, ReplicaUrl


class DatabaseSettings(BaseModel):
    """The settings of the database."""

    database_url: PrimaryUrl | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="the PostgreSQL server (13 or newer), as "
        "`postgresql://user:password@host:port/database`; with several hosts, "
        "`host:port,host:port`, the primary among them is used",
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
        description="seconds that a start waits for a database that is starting, is recovering or has "
        "no connection left, 0 to 3600",
    )
    broadcast_url: BroadcastUrl = Field(
        SecretStr("memory://"),
        validation_alias="BROADCAST_URL",
        description="the channel by which processes wake each other: `memory://` (one process), "
        "`postgresql://...` or `redis://...`",
    )
    data_dir: Path = Field(
        Path(".data"), description="the folder of the embedded PostgreSQL, used when DATABASE_URL is not set"
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
        description="`false` gives each query a statement of its own, even if a person sends the same "
        "one many times at once",
    )
    statement_timeout: float = Field(
        30, gt=0, le=3600, description="seconds after which PostgreSQL cancels a statement, up to 3600"
    )
