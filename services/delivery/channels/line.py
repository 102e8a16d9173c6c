"""LINE: a push message of the Messaging API (https://developers.line.biz/en/reference/messaging-api)."""

from datetime import datetime
from typing import Final

from services.core.json_codec import write_json
from services.delivery.http_client import Answer, Request
from services.delivery.messages import Message, NotConfigured, Target
from services.delivery.outcomes import Outcome, by_status, sent
from services.delivery.texts import label, say

MOST_UNITS: Final = 5_000
"""UTF-16 code units of a text message."""
_ALREADY_ACCEPTED: Final = 409


def request(message: Message, target: Target, now: datetime, base: str) -> Request:
    """The request for the configuration `{"channel_access_token", "to"}`. Raises: NotConfigured.

    LINE sends a message once for each retry key, so that it may be repeated.
    """
    token, to = target.text("channel_access_token"), target.text("to")
    if not token or not to:
        raise NotConfigured(
            "The setting's serviceConfig lacks channel_access_token or to: set the token of your channel and "
            "the id of the user, group or room."
        )
    headers = {
        "content-type": "application/json",
        "user-agent": "ccgraph",
        "authorization": f"Bearer {token}",
        "x-line-retry-key": str(message.message_id),
    }
    content = {"to": to, "messages": [{"type": "text", "text": _text(message)}]}
    return Request(f"{base}/v2/bot/message/push", headers, write_json(content))


def judge(answer: Answer) -> Outcome:
    """409 says that an earlier attempt with this retry key was accepted."""
    if answer.status == _ALREADY_ACCEPTED:
        return sent(answer)
    return by_status(answer, "LINE")


def _text(message: Message) -> str:
    head = f"【{label(message.type, message.language)}】{message.title}"
    link = f"\n\n{say('open', message.language)}: {message.link}" if message.link else ""
    return _cut(f"{head}\n{message.text}", MOST_UNITS - _units(link)) + link


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, most: int) -> str:
    if _units(text) <= most:
        return text
    kept = text.encode("utf-16-le")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return kept + "…"
