"""The arguments of a call of a tool, as far as they are looked at before the protocol reads them."""

from typing import Any, Final

from services.core.errors import BadInput
from services.core.json_codec import ExactNumber, has_long_number, read_json

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1
"""Of whole numbers that every reader on the way keeps as they are."""


def require_arguments(request: Any, body: bytes) -> None:
    """Return where a call of a tool has arguments that a tool could take, each number as it was sent.

    `request` is what was read of `body`, an object. Raises: BadInput.
    """
    if request.get("method") != "tools/call":
        return
    arguments = (request.get("params") or {}).get("arguments")
    if not isinstance(arguments, dict | None):
        raise BadInput("Give the arguments of a tool as an object, not as a text or list.", field="arguments")
    if arguments and has_long_number(body):
        _require_exact(read_json(body)["params"]["arguments"])


def _require_exact(arguments: dict[str, Any]) -> None:
    """Return where no number of the arguments would lose digits. Raises: BadInput with its place."""
    waiting: list[tuple[str, Any]] = [("", arguments)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += ((f"{place}.{name}", inner) for name, inner in value.items())
        elif isinstance(value, list):
            waiting += ((f"{place}.{at}", inner) for at, inner in enumerate(value))
        elif isinstance(value, ExactNumber) or (
            isinstance(value, int) and not _SMALLEST <= value <= _LARGEST
        ):
            raise BadInput(
                "This number has more digits than 64 bits hold, and would be rounded: give it as a text.",
                field=place.removeprefix("."),
            )
