"""Makes the token with which a machine sends records of Claude Code, through the API of a server."""

import secrets
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app.config.errors import StartupError
from app.connect.client import Client, Unreachable

LIFETIME: Final = timedelta(days=365)

_LOGIN: Final = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"
_CREATE: Final = (
    "mutation ($input: CreateAccessTokenInput!) "
    "{ createAccessToken(input: $input) { accessToken authToken { tokenId expiresAt } } }"
)
_REVOKE: Final = "mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revokedId } }"


@dataclass(frozen=True, slots=True)
class IngestToken:
    """A token that can only ingest; of one that was given, `token_id` and `expires_at` are unknown."""

    token: str = field(repr=False)
    name: str
    token_id: str | None = None
    expires_at: str | None = None


def name_for(project: Path | None) -> str:
    """The name of this machine's token, by which its owner knows it in a list."""
    where = socket.gethostname() + (f", {project.name}" if project is not None else "")
    return f"Claude Code on {where}"[:90] + f" ({secrets.token_hex(2)})"


def make_token(client: Client, username: str, password: str, name: str, kind: str = "INGEST") -> IngestToken:
    """Log in and make a token. Raises: StartupError with what the server says."""
    created = _logged_in(client, username, password)
    found = _asked(
        created,
        _CREATE,
        {
            "name": name,
            "expiresAt": (datetime.now(UTC) + LIFETIME).isoformat(),
            "password": password,
            "kind": kind,
        },
    )["createAccessToken"]
    stored = found["authToken"]
    return IngestToken(found["accessToken"], name, stored["tokenId"], stored["expiresAt"])


def revoke_token(client: Client, username: str, password: str, token_id: str) -> None:
    """Log in and end a token. Raises: StartupError with what the server says."""
    _asked(_logged_in(client, username, password), _REVOKE, {"tokenId": token_id})


def _logged_in(client: Client, username: str, password: str) -> Client:
    found = _asked(client, _LOGIN, {"username": username, "password": password})
    return Client(client.server, found["login"]["accessToken"])


def _asked(client: Client, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    url = client.server.url
    try:
        answer = client.post("/graphql", {"query": document, "variables": {"input": variables}})
    except Unreachable as error:
        raise StartupError(
            f"{url} cannot be reached ({error}): check the URL, the proxy variables and --ca; "
            "nothing was changed."
        ) from error
    value = answer.json()
    if not isinstance(value, dict):
        raise StartupError(f"{url} is not a ccgraph server (status {answer.status}); nothing was changed.")
    refusals = value.get("errors")
    if refusals:
        raise StartupError(f"{url} says: {refusals[0].get('message')} Nothing was changed.")
    data = value.get("data")
    if not isinstance(data, dict):
        raise StartupError(f"{url} is not a ccgraph server (status {answer.status}); nothing was changed.")
    return data
