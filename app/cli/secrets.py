"""`ccgraph rotate-keys`."""

from rich.progress import TaskID

from app.cli.console import progress_bars, say
from app.cli.opening import location, run
from app.database.pools import open_database
from services.writing.sealed_columns import rotate


def rotate_keys() -> None:
    """Encrypt anew, with the first of the keys, whatever an older key has encrypted."""

    async def rotated() -> int:
        async with open_database(found.settings) as database:
            with progress_bars() as bars:
                tasks: dict[str, TaskID] = {}

                def show(place: str, done: int) -> None:
                    if place not in tasks:
                        tasks[place] = bars.add_task(place, total=None)
                    bars.update(tasks[place], completed=done)

                return await rotate(database, found.settings.vault(), show)

    with location("rotate-keys", existing=True) as found:
        count = run(rotated())
    say(f"{count} values encrypted anew; older keys may be taken out of CCGRAPH_ENCRYPTION_KEYS now.")
