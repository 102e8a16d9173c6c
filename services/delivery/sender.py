"""Sends one message through the service of its setting, and says what came of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

from models.enums import NotificationService
from services.delivery.channels import discord, line, slack, web_push, webhook
from services.delivery.channels.web_push import Vapid
from services.delivery.http_client import Answer, Client, NotSent, Request
from services.delivery.messages import Message, NotConfigured, Target
from services.delivery.outcomes import Outcome, Verdict

log = structlog.get_logger(__name__)

UNSENT: Final = "The server could not send this message."


@dataclass(frozen=True, slots=True)
class Bases:
    """The addresses of the services, without a slash at the end."""

    slack: str = "https://slack.com/api"
    discord: str = "https://discord.com/api"
    line: str = "https://api.line.me"


@dataclass(frozen=True, slots=True)
class Sender:
    """Knows all services. `public_url` is where people read on, for links; None writes no links."""

    client: Client
    vapid: Vapid
    bases: Bases = field(default_factory=Bases)
    public_url: str | None = None

    def link(self, path: str | None) -> str | None:
        """The address of a path such as `/tasks/…` of the user interface."""
        return None if self.public_url is None or path is None else self.public_url.rstrip("/") + path

    async def send(self, message: Message, target: Target) -> Outcome:
        """Try once. Never raises but for a cancellation: whatever goes wrong is told in the outcome."""
        began = time.monotonic()
        try:
            answer = await self.client.post(self._request(message, target))
            outcome = _JUDGES[target.service](answer)
        except NotConfigured as error:
            return Outcome(Verdict.FAILED, error=str(error))
        except NotSent as error:
            verdict = Verdict.FAILED if error.refused else Verdict.RETRY
            return Outcome(verdict, error=str(error), took=time.monotonic() - began)
        except Exception as error:
            # A fault of ours. It says no more than its type: the error may hold a secret of the setting.
            log.error("notification_not_sent", id=message.id, error=type(error).__qualname__)  # noqa: TRY400
            return Outcome(Verdict.RETRY, error=UNSENT, took=time.monotonic() - began)
        return Outcome(
            outcome.verdict,
            outcome.code,
            outcome.body,
            outcome.error,
            outcome.after,
            outcome.pause,
            outcome.disable,
            time.monotonic() - began,
        )

    def _request(self, message: Message, target: Target) -> Request:
        now = datetime.now(UTC)
        match target.service:
            case NotificationService.WEBHOOK:
                return webhook.request(message, target, now)
            case NotificationService.SLACK:
                return slack.request(message, target, now, self.bases.slack)
            case NotificationService.DISCORD:
                return discord.request(message, target, now, self.bases.discord)
            case NotificationService.LINE:
                return line.request(message, target, now, self.bases.line)
            case NotificationService.WEB_PUSH:
                return web_push.request(message, target, now, self.vapid)


_JUDGES: Final[dict[NotificationService, Callable[[Answer], Outcome]]] = {
    NotificationService.WEBHOOK: webhook.judge,
    NotificationService.SLACK: slack.judge,
    NotificationService.DISCORD: discord.judge,
    NotificationService.LINE: line.judge,
    NotificationService.WEB_PUSH: web_push.judge,
}
