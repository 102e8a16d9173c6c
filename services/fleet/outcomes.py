"""Ends of tool calls: a result, an error, or a denial."""

import re
from dataclasses import dataclass
from typing import Any, Final

from services.fleet.values import cut, payload

_DENIAL: Final = re.compile(
    r"requested permissions? to |haven't granted it yet|doesn't want to (?:proceed|take this action)"
    r"|[Pp]ermission to use .{1,200} (?:has been|was) denied|denied this tool|was denied by",
    re.DOTALL,
)

_REFUSAL: Final = "<tool_use_error>"
"""What Claude Code puts around its own errors: there is no such tool, or the arguments do not fit it."""

_INTERRUPTION: Final = re.compile(r"^\[Request interrupted by user")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a tool call: its result, or its error as an object with `message`."""

    result: Any = None
    error: dict[str, Any] | None = None


def failed(message: object, **more: Any) -> Outcome:
    """A failure, or a denial where the message says so."""
    shown = cut(message) if isinstance(message, str) and message else "The tool failed."
    error: dict[str, Any] = {"message": shown}
    if _DENIAL.search(shown):
        error["denied"] = True
    if _INTERRUPTION.match(shown):
        error["interrupted"] = True
    return Outcome(error={**error, **{name: value for name, value in more.items() if value is not None}})


def succeeded(result: object) -> Outcome:
    """A success."""
    return Outcome(result=payload(result))


def is_denial(message: object) -> bool:
    """True if a tool's result says that it may not be used."""
    return isinstance(message, str) and _DENIAL.search(message) is not None


def is_failure(result: object) -> bool:
    """True if a result is an error, where nothing else tells: a denial, or a call that was refused."""
    return is_denial(result) or (isinstance(result, str) and result.startswith(_REFUSAL))


def is_interruption(message: object) -> bool:
    """True if a text says that a person has stopped the turn."""
    return isinstance(message, str) and _INTERRUPTION.match(message) is not None
