"""Discord: a webhook of a channel (https://discord.com/developers/docs/resources/webhook)."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from services.core.json_codec import write_json
from services.delivery.http_client import Answer, Request
from services.delivery.messages import Message, NotConfigured, Target, cut
from services.delivery.outcomes import Outcome, by_status, json_object, pause_of, retry, sent
from services.delivery.texts import label

_TITLE, _DESCRIPTION, _FOOTER = 256, 4_096, 2_048
"""Characters that Discord takes in the parts of an embed."""
_COLORS: Final = {"low": 0x95A5A6, "normal": 0x3498DB, "high": 0xE67E22, "urgent": 0xE74C3C}


def request(message: Message, target: Target, now: datetime, base: str) -> Request:
    """The request for the configuration `{"webhook_url"}`, or `{"webhook_id", "webhook_token"}`.

    Raises: NotConfigured.

    `wait=true` has Discord answer once the message is there.
    """
    key, token = target.text("webhook_id"), target.text("webhook_token")
    url = target.text("webhook_url") or target.webhook_url
    if key and token:
        url = f"{base}/webhooks/{quote(key, safe='')}/{quote(token, safe='')}"
    if not url:
        raise NotConfigured("The setting's serviceConfig has no webhook_url: copy it from Discord.")
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query)), "wait": "true"})
    headers = {"content-type": "application/json", "user-agent": "ccgraph"}
    return Request(parts._replace(query=query).geturl(), headers, write_json(_content(message)))


def judge(answer: Answer) -> Outcome:
    """Discord names in headers when its next message may come, and in a 429 how long to wait."""
    if answer.status == 429:
        wanted = pause_of(json_object(answer).get("retry_after"))
        return retry(answer, "Discord answered with status 429: too many messages.", wanted)
    if 200 <= answer.status < 300 and answer.headers.get("x-ratelimit-remaining") == "0":
        return sent(answer, pause=pause_of(answer.headers.get("x-ratelimit-reset-after")))
    return by_status(answer, "Discord")


def _content(message: Message) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": cut(message.title, _TITLE),
        "description": cut(message.text, _DESCRIPTION),
        "color": _COLORS[message.priority.value],
        "timestamp": message.created_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "footer": {"text": cut(label(message.type, message.language), _FOOTER)},
    }
    if message.link:
        embed["url"] = message.link
    # A notification names no one in the channel, whatever its text has.
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}
