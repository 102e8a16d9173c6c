"""Settings of the worker, and of the notifications that it sends."""

from pydantic import BaseModel, Field

from app.config.value_types import AddressList, Contact, VapidKey, WebUrl


class DeliverySettings(BaseModel):
    """The settings of the worker, and of the notifications that it sends."""

    worker: bool = Field(
        True,
        description="`false` leaves the delivery of notifications, the digestion of records of Claude "
        "Code, and the schedule of maintenance to `ccgraph worker`, as `--no-worker` does",
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
        description="seconds after which a worker at the latest notices a notification that is due and "
        "was not announced, 0.005 to 60",
    )
    delivery_breaker_failures: int = Field(
        5,
        ge=1,
        le=1000,
        description="attempts in a row that may fail before a receiver gets no messages for a while, 1 "
        "to 1000",
    )
    delivery_breaker_pause: float = Field(
        30,
        ge=0.01,
        le=600,
        description="seconds for which such a receiver gets no messages at first, twice as many each "
        "further time, up to 600",
    )
    delivery_allowed: AddressList = Field(
        "",
        description="private networks and hosts that notifications may be sent to, as "
        "`10.0.0.0/8,hooks.corp.example`; without it, public addresses only",
    )
    slack_url: WebUrl = Field("https://slack.com/api", description="the URL of Slack's Web API")
    discord_url: WebUrl = Field("https://discord.com/api", description="the URL of Discord's API")
    line_url: WebUrl = Field("https://api.line.me", description="the URL of LINE's Messaging API")
    web_push_key: VapidKey | None = Field(
        None,
        description="the private VAPID key of Web Push, 32 bytes in base64url; derived from "
        "CCGRAPH_SECRET_KEY if absent",
    )
    web_push_contact: Contact = Field(
        "mailto:ccgraph@localhost",
        description="the address at which push services can reach the operator, as "
        "`mailto:ops@example.com` or a URL",
    )
