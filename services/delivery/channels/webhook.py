"""Webhooks by the Standard Webhooks specification (https://www.standardwebhooks.com)."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from standardwebhooks import Webhook

from services.core.addresses import is_free_header
from services.core.json_codec import write_json
from services.delivery.http_client import Answer, Request
from services.delivery.messages import Message, NotConfigured, Target, cut
from services.delivery.outcomes import Outcome, failed, retry, sent

MOST_BYTES: Final = 20_000
"""Of a body, as the specification recommends. A longer one goes without `payload`, its text cut."""
_MOST_TEXT: Final = 4_000
_GONE: Final = 410
_PREFIX: Final = "whsec_"


def request(message: Message, target: Target, now: datetime) -> Request:
    """The signed POST. `webhook-id` is the message's, `webhook-timestamp` the attempt's.

    Raises: NotConfigured.
    """
    if not target.webhook_url:
        raise NotConfigured("The setting has no webhookUrl: set the URL of your receiver.")
    body = _body(message)
    headers = {
        **_custom(target.webhook_headers),
        "content-type": "application/json",
        "user-agent": "ccgraph",
        "webhook-id": str(message.message_id),
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if target.secrets:
        headers["webhook-signature"] = " ".join(
            _signing(secret).sign(str(message.message_id), now.astimezone(UTC), body.decode())
            for secret in dict.fromkeys(target.secrets)
        )
    return Request(target.webhook_url, headers, body)


def judge(answer: Answer) -> Outcome:
    """2xx is success; 410 ends the subscription; all else, redirects too, is tried again."""
    if 200 <= answer.status < 300:
        return sent(answer)
    if answer.status == _GONE:
        return failed(
            answer, "The receiver is gone (status 410), so the setting was switched off.", disable=True
        )
    if 300 <= answer.status < 400:
        return retry(answer, "The receiver answered with a redirect, which is not followed.")
    return retry(answer, f"The receiver answered with status {answer.status}.")


def _body(message: Message) -> bytes:
    data: dict[str, Any] = {
        "id": str(message.id),
        "userId": message.user_id,
        "title": message.title,
        "message": message.text,
        "priority": message.priority.value,
        "sessionId": None if message.session_id is None else str(message.session_id),
        "link": message.link,
        "payload": message.payload,
    }
    if message.items:
        data["items"] = list(message.items)
    whole = {
        "type": message.type.value,
        "timestamp": message.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    body = write_json(whole)
    most = _MOST_TEXT
    while len(body) > MOST_BYTES:
        # A sign takes up to six bytes (\u0001), so this ends, with 250 of the text at the latest.
        data |= {"payload": None, "message": cut(message.text, most), "truncated": True}
        if message.items:
            data["items"] = [cut(item, 50) for item in message.items[: most // 80]]
        body = write_json(whole)
        most //= 2
    return body


def _signing(secret: str) -> Webhook:
    """`whsec_` and base64 is a key by the specification; any other text is the key itself."""
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX) + "==", validate=False)
        except binascii.Error:
            key = b""
        if key:
            return Webhook(key)
    return Webhook(secret.encode())


def _custom(headers: Mapping[str, Any]) -> dict[str, str]:
    """The person's own headers, but for those that the message itself has."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if isinstance(value, str) and is_free_header(name, value)
    }
