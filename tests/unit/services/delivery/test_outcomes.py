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
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 99999999999999999999 Jan 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("9" * 400, LONGEST_PAUSE),
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


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("1" + "0" * 400, LONGEST_PAUSE),
        ("-9", 0.0),
        ("1e999", LONGEST_PAUSE),
        ("NaN", None),
        ("true", None),
        ("[2]", None),
        ("2.5", 2.5),
    ],
)
def test_the_pause_in_a_body_is_bounded(told: str, seconds: float | None) -> None:
    outcome = discord.judge(Answer(429, {}, '{"retry_after": ' + told + "}"))
    assert (outcome.verdict, outcome.after, outcome.pause) == (RETRY, seconds, seconds)


@pytest.mark.parametrize("told", ["nan", "", "soon"])
def test_a_rate_limit_that_is_no_number_asks_for_no_pause(told: str) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": told}
    assert discord.judge(Answer(204, headers, "")).pause is None


@pytest.mark.parametrize("status", [200, 204, 429, 500, 400])
@pytest.mark.parametrize("channel", [webhook, slack, discord, line, web_push])
@pytest.mark.parametrize(
    "body", ["[" * 1_990, '{"a":' * 390, "9" * 1_990], ids=["lists", "objects", "digits"]
)
def test_no_answer_is_too_deep_to_be_judged(channel: object, status: int, body: str) -> None:
    plain = channel.judge(Answer(status, {}, "")).verdict  # type: ignore[attr-defined]
    assert channel.judge(Answer(status, {}, body)).verdict is plain  # type: ignore[attr-defined]
