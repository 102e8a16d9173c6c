"""Slack: an incoming webhook, or `chat.postMessage` with a bot's token (https://api.slack.com)."""

from datetime import datetime
from typing import Any, Final

from services.core.json_codec import write_json
from services.delivery.http_client import Answer, Request
from services.delivery.messages import Message, NotConfigured, Target, cut
from services.delivery.outcomes import Outcome, Verdict, by_status, failed, json_object, retry
from services.delivery.texts import label, say

_HEADER, _SECTION, _BUTTON_URL = 150, 3_000, 3_000
"""Characters that Slack takes in a header, a section and the URL of a button."""
_PASSING: Final = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


def request(message: Message, target: Target, now: datetime, base: str) -> Request:
    """The request for the configuration `{"webhook_url"}`, or `{"token", "channel"}`.

    Raises: NotConfigured.
    """
    content = _content(message)
    headers = {"content-type": "application/json; charset=utf-8", "user-agent": "ccgraph"}
    token, channel = target.text("token"), target.text("channel")
    if token and channel:
        headers["authorization"] = f"Bearer {token}"
        return Request(f"{base}/chat.postMessage", headers, write_json({"channel": channel, **content}))
    url = target.text("webhook_url") or target.webhook_url
    if not url:
        raise NotConfigured(
            "The setting's serviceConfig has neither webhook_url nor token and channel: set one of the two."
        )
    return Request(url, headers, write_json(content))


def judge(answer: Answer) -> Outcome:
    """An incoming webhook answers with a status, the Web API with `ok` in a 200."""
    outcome = by_status(answer, "Slack")
    told = json_object(answer)
    if outcome.verdict is not Verdict.SENT or told.get("ok", True) is True:
        return outcome
    reason = str(told.get("error", "unknown"))
    if reason in _PASSING:
        return retry(answer, f"Slack answered with the error {cut(reason, 80)}.")
    return failed(answer, f"Slack refused the message with the error {cut(reason, 80)}.")


def _content(message: Message) -> dict[str, Any]:
    kind = label(message.type, message.language)
    # Slack refuses a block whose text is blank, and the whole message with it.
    title = cut(message.title, _HEADER) if message.title.strip() else kind
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
    if message.text.strip():
        text = {"type": "mrkdwn", "text": _section(message.text), "verbatim": True}
        blocks.append({"type": "section", "text": text})
    blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": kind}]})
    if message.link and len(message.link) <= _BUTTON_URL:
        button = {
            "type": "button",
            "text": {"type": "plain_text", "text": say("open", message.language)},
            "url": message.link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    # A notification names no one in the channel, whatever its text has.
    return {
        "text": _escaped(f"{kind}: {message.title}"),
        "blocks": blocks,
        "link_names": False,
        "parse": "none",
    }


def _section(text: str) -> str:
    """Escaped, and cut where no escape is halved."""
    most = _SECTION
    while len(escaped := _escaped(cut(text, most))) > _SECTION:
        most -= max(1, (len(escaped) - _SECTION) // 5)
    return escaped


def _escaped(text: str) -> str:
    """The three signs that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
