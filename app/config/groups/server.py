"""Settings of the server itself: its address, keys, log, logins, pages and proxies."""

from typing import Literal

from pydantic import BaseModel, Field

from app.config.value_types import NamedKeys, Networks, SecretKey, WebUrl


class ServerSettings(BaseModel):
    """The settings of the server itself."""

    host: str = Field("127.0.0.1", min_length=1, description="the address to listen on; `0.0.0.0` for all")
    port: int = Field(
        8000, ge=0, le=65535, description="the TCP port to listen on, 0 to 65535; 0 picks a free one"
    )
    secret_key: SecretKey | None = Field(
        None,
        description="the key that signs tokens: at least 32 characters, the same for all processes, "
        "such as the output of `openssl rand -hex 32`",
    )
    encryption_keys: NamedKeys | None = Field(
        None,
        description="the keys that encrypt secrets in the database, as `name:key,name:key`: the first "
        "key encrypts, the others still decrypt until `ccgraph rotate-keys` has run; "
        "derived from CCGRAPH_SECRET_KEY if absent",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the lowest level that is logged: `debug`, `info`, `warning` or `error`"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="`console` for people, `json` for collectors; `auto` is `console` on a terminal, "
        "else `json`",
    )
    access_token_minutes: int = Field(
        15, ge=1, le=1440, description="minutes that an access token of a login lives, 1 to 1440"
    )
    refresh_token_days: int = Field(
        30, ge=1, le=366, description="days that a login lasts without being used, 1 to 366"
    )
    dashboard: bool = Field(
        True, description="`false` serves no pages to browsers, and no logins at /session"
    )
    graphiql: bool = Field(True, description="`false` serves no page to browsers at /graphql")
    allowed_origins: str = Field(
        "",
        description="origins whose pages may call the API (CORS, WebSocket), such as "
        "`https://dash.example,https://ops.example`; `*` for all",
    )
    trusted_proxies: Networks = Field(
        "",
        description="addresses or networks of proxies whose X-Forwarded-For is trusted: `10.0.0.0/8`",
    )
    public_url: WebUrl = Field(
        "",
        description="the URL at which people use the fleet, such as `https://fleet.example`: "
        "notifications link to its pages; without it they have no links",
    )
    shutdown_timeout: int = Field(
        20, ge=0, le=3600, description="seconds that requests in flight get to finish at shutdown, 0 to 3600"
    )
