"""Options of several commands, and how their values are read."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from services.demo.live import Pacing


def uuid_of(text: str) -> UUID:
    """A UUID as the API takes it."""
    from models.spellings import read_uuid

    try:
        return read_uuid(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


def moment_of(text: str) -> datetime:
    """A time as the API takes it."""
    from models.spellings import read_moment

    try:
        return read_moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


Speed = Annotated[
    float | None,
    typer.Option(
        help="With --live: how fast it moves (速さ); 1 is the speed of real work.", min=0.01, max=1000
    ),
]


def pacing_of(speed: float | None, *, live: bool) -> "Pacing | None":
    """The speed at which the demo is to be played; None where it stands still.

    Raises: BadParameter for a speed without --live.
    """
    if not live:
        if speed is not None:
            raise typer.BadParameter("use it together with --live.", param_hint="--speed")
        return None
    from services.demo.live import Pacing

    return Pacing(1.0 if speed is None else speed)
