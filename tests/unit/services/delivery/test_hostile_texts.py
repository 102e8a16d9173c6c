"""What channels make of texts and paths that fit nowhere, or mean something to the service."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from models.enums import NotificationPriority, NotificationService, NotificationType
from services.delivery.channels import slack, webhook
from services.delivery.messages import Message, Target
from services.delivery.texts import Language

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MESSAGE = Message(
    id=1,
    message_id=UUID(int=7),
    type=NotificationType.TASK_COMPLETED,
    title="t",
    text="x",
    priority=NotificationPriority.NORMAL,
    language=Language.ENGLISH,
    created_at=NOW,
    user_id=1,
)
WEBHOOK = Target(1, 1, NotificationService.WEBHOOK, webhook_url="https://hooks.example/")
SLACK = Target(1, 1, NotificationService.SLACK, config={"webhook_url": "https://hooks.example/"})


@pytest.mark.parametrize("sign", ["a", "é", "検", "😀", "\x01", '"'])
@pytest.mark.parametrize("items", [0, 200])
def test_a_webhook_body_keeps_its_limit_whatever_its_signs_take(sign: str, items: int) -> None:
    message = replace(MESSAGE, title=sign * 200, text=sign * 9_000, items=(sign * 200,) * items)
    body = webhook.request(message, WEBHOOK, NOW).body
    assert len(body) <= webhook.MOST_BYTES
    data = json.loads(body)["data"]
    assert data["title"] == message.title
    assert data["message"].startswith(sign * 200)


def slack_message(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(slack.request(replace(MESSAGE, **changes), SLACK, NOW, "").body)
    return found


@pytest.mark.parametrize("sign", ["&", "<", "a", "&x"])
def test_slack_gets_no_half_of_an_escape(sign: str) -> None:
    text = slack_message(text=sign * 5_000)["blocks"][1]["text"]["text"]
    assert 2_900 <= len(text) <= 3_000
    plain = text.replace("&amp;", "&").replace("&lt;", "<").removesuffix("…")
    assert plain
    assert (sign * 5_000).startswith(plain)


def test_slack_names_nobody_in_the_channel() -> None:
    told = slack_message(title="<!channel> @here", text="<!everyone> <@U1> @channel #general")
    assert (told["parse"], told["link_names"]) == ("none", False)
    assert told["text"] == "Task completed: &lt;!channel&gt; @here"
    assert told["blocks"][1]["text"] == {
        "type": "mrkdwn",
        "text": "&lt;!everyone&gt; &lt;@U1&gt; @channel #general",
        "verbatim": True,
    }


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_slack_gets_no_blank_block(blank: str) -> None:
    blocks = slack_message(title=blank, text=blank)["blocks"]
    assert [block["type"] for block in blocks] == ["header", "context"]
    assert blocks[0]["text"]["text"] == "Task completed"
