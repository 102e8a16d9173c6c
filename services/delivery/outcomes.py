"""Outcomes of one attempt to send a notification."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

from services.delivery.http_client import Answer

LONGEST_PAUSE: Final = 3600.0
"""Seconds: a receiver that asks for more is tried again then."""


class Verdict(Enum):
    """`RETRY` counts against max_retries; `DEFER` does not, because nothing was sent."""

    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`after` is in seconds: how long the receiver, or we, want to wait at least.

    `pause` is for how many seconds the receiver takes nothing at all. `disable` says that the address is gone
    for good, `took` how many seconds the attempt lasted.
    """

    verdict: Verdict
    code: int | None = None
    body: str | None = None
    error: str | None = None
    after: float | None = None
    pause: float | None = None
    disable: bool = False
    took: float = 0.0


def sent(answer: Answer, pause: float | None = None) -> Outcome:
    """The receiver has taken it."""
    return Outcome(Verdict.SENT, answer.status, answer.body, pause=pause)


def failed(answer: Answer, error: str, *, disable: bool = False) -> Outcome:
    """The receiver will never take it."""
    return Outcome(Verdict.FAILED, answer.status, answer.body, error, disable=disable)


def retry(answer: Answer, error: str, after: float | None = None) -> Outcome:
    """The receiver may take it later; `after` is what `pause_of` gave, None for what the headers say."""
    wanted = retry_after(answer.headers) if after is None else after
    rest = wanted if answer.status == 429 else None
    return Outcome(Verdict.RETRY, answer.status, answer.body, error, after=wanted, pause=rest)


def by_status(answer: Answer, receiver: str) -> Outcome:
    """The usual judgement: 2xx is good, 408, 409, 425, 429 and 5xx may pass, the rest will not."""
    if 200 <= answer.status < 300:
        return sent(answer)
    if answer.status in (408, 409, 425, 429) or answer.status >= 500:
        return retry(answer, f"{receiver} answered with status {answer.status}.")
    if 300 <= answer.status < 400:
        return failed(answer, f"{receiver} answered with a redirect, which is not followed.")
    return failed(answer, f"{receiver} refused the message with status {answer.status}.")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds of Retry-After, a number or an HTTP date, at most `LONGEST_PAUSE`; None where there is none."""
    text = headers.get("retry-after", "").strip()
    seconds = pause_of(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return pause_of((moment - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError):
        return None


def pause_of(told: object) -> float | None:
    """Seconds that a receiver wants, a number or its text, at most `LONGEST_PAUSE`; else None."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        seconds = float(told)
    except ValueError:
        return None
    except OverflowError:  # a whole number with hundreds of digits
        return LONGEST_PAUSE
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_PAUSE)


def json_object(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; empty where it is none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):  # brackets within brackets, more than Python reads
        return {}
    return found if isinstance(found, dict) else {}
