"""Settings of backups and of maintenance."""

from pathlib import Path

from pydantic import BaseModel, Field


class UpkeepSettings(BaseModel):
    """The settings of backups and of maintenance."""

    backup_dir: Path | None = Field(
        None,
        description="the folder of backups, better on another disk; `backups` in CCGRAPH_DATA_DIR if absent",
    )
    backup_every: float = Field(
        0,
        ge=0,
        le=8760,
        description="hours between two backups that the server makes by itself, up to 8760; 0 for none",
    )
    backup_keep_days: int = Field(
        30,
        ge=1,
        le=36_500,
        description="days that backups are kept, 1 to 36500; the newest one is always kept",
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
    maintenance_every: float = Field(
        3600,
        ge=0,
        le=604_800,
        description="seconds between two runs of maintenance, of all processes together, up to 604800; "
        "0 leaves it to `ccgraph maintenance`",
    )
