"""Settings of the receivers for Claude Code: budgets, and the content that is kept."""

from pydantic import BaseModel, Field


class IngestSettings(BaseModel):
    """The settings of the receivers for Claude Code."""

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
        description="hooks, lines of transcripts and telemetry records that a person may send within an hour",
    )
    ingest_bytes_per_hour: int = Field(
        4_000_000_000,
        ge=10_000,
        le=10_000_000_000_000,
        description="bytes that a person may send within an hour, decompressed, from 10000",
    )
    ingest_content: bool = Field(
        True,
        description="`false` keeps only metadata of the records of Claude Code: no prompts, no tool "
        "input or output",
    )
    ingest_poll: float = Field(
        0.2,
        ge=0.005,
        le=60,
        description="seconds after which a worker at the latest notices a record that another process "
        "has stored and `BROADCAST_URL` did not announce, 0.005 to 60",
    )
