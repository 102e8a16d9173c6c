"""Settings of requests: the time, size and cost that one may have, and the documents that are answered."""

from pathlib import Path

from pydantic import BaseModel, Field


class RequestSettings(BaseModel):
    """The settings of requests."""

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
        True, description="`false` refuses `__schema` and `__type`, and errors suggest no names"
    )
    persisted_queries: bool = Field(True, description="`false` switches automatic persisted queries off")
    trusted_documents: Path | None = Field(
        None,
        description="a folder of `.graphql` files or a JSON manifest; with it, all other documents are "
        "refused",
    )
