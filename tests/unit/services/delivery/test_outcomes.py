"""How answers are judged, and how long a receiver may make us wait."""

from datetime import UTC, datetime

import pytest

from services.delivery.channels import discord, line, slack, web_push, webhook
from services.delivery.http_client import Answer
from services.delivery.outcomes import LONGEST_PAUSE, Verdict, retry_after

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("999999999", LONGEST_PAUSE),
        ("inf", LONGEST_PAUSE),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sat, 28 Nov 2026 12:00:30 GMT", 30.0),
        ("Saturday, 28-Nov-26 12:00:30 GMT", 30.0),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Sat, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_bounded(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


SENT, RETRY, FAILED = Verdict.SENT, Verdict.RETRY, Verdict.FAILED


@pytest.mark.parametrize(
    ("channel", "verdicts"),
    [
        (
            webhook,
            {200: SENT, 204: SENT, 301: RETRY, 400: RETRY, 404: RETRY, 410: FAILED, 429: RETRY, 502: RETRY},
        ),
        (slack, {200: SENT, 302: FAILED, 400: FAILED, 404: FAILED, 410: FAILED, 429: RETRY, 500: RETRY}),
        (discord, {200: SENT, 204: SENT, 401: FAILED, 404: FAILED, 429: RETRY, 503: RETRY}),
        (line, {200: SENT, 400: FAILED, 401: FAILED, 409: SENT, 429: RETRY, 500: RETRY}),
        (web_push, {201: SENT, 400: FAILED, 404: FAILED, 410: FAILED, 413: FAILED, 429: RETRY, 500: RETRY}),
    ],
    ids=["webhook", "slack", "discord", "line", "web_push"],
)
def test_each_channel_knows_what_may_pass(channel: object, verdicts: dict[int, Verdict]) -> None:
    judged = {status: channel.judge(Answer(status, {}, "")).verdict for status in verdicts}  # type: ignore[attr-defined]
    assert judged == verdicts


@pytest.mark.parametrize(
    ("channel", "status", "disabled"),
    [
        (webhook, 410, True),
        (webhook, 404, False),
        (web_push, 404, True),
        (web_push, 410, True),
        (slack, 410, False),
    ],
)
def test_who_is_gone_is_switched_off(channel: object, status: int, disabled: bool) -> None:
    assert channel.judge(Answer(status, {}, "")).disable is disabled  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "verdict"), [("ratelimited", RETRY), ("internal_error", RETRY), ("invalid_auth", FAILED)]
)
def test_slack_says_in_a_200_what_is_wrong(error: str, verdict: Verdict) -> None:
    outcome = slack.judge(Answer(200, {}, f'{{"ok":false,"error":"{error}"}}'))
    assert outcome.verdict is verdict
    assert error in str(outcome.error)
