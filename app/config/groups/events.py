"""Settings of events: when changes are noticed, and when a silent instance or process counts as gone."""

from pydantic import BaseModel, Field


class EventSettings(BaseModel):
    """The settings of events."""

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
        description="seconds without a report from a working Claude Code after which it counts as gone, "
        "up to 604800",
    )
    permission_wait: float = Field(
        60,
        ge=0,
        le=3_600,
        description="seconds that a permission request of a project with holdPermissionRequests is "
        "held, up to 3600; 0 holds none",
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
        description="seconds after which the server at the latest notices a change that was not "
        "announced, such as by plain SQL, 0.005 to 60",
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
        description="seconds after which a live query is read again if it depends on data without "
        "events, such as a description or a person's name, 0.1 to 3600",
    )
    confirmation_timeout: float = Field(
        30,
        gt=0,
        le=3600,
        description="seconds after which a notification to connections is sent again unless it was "
        "confirmed, up to 3600",
    )
    confirmation_retries: int = Field(
        5,
        ge=0,
        le=100,
        description="number of times that such a notification is sent again before it has failed",
    )
