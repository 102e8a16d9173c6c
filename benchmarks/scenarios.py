"""Parts that the benchmarks with many sockets share: command line, database and files."""

import argparse
import asyncio
import resource
from collections.abc import Callable, Coroutine, Sequence

import uvloop

from benchmarks.database import BenchmarkDatabase, demo_database

SCALE = 0.1


def arguments(description: str | None, names: Sequence[str]) -> argparse.Namespace:
    """`seconds` of each run, `only` some of the runs `names` or None, and whether to be `dry`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of steady changes, 10 unless given")
    parser.add_argument("--only", nargs="*", choices=names, help="these runs")
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    return parser.parse_args()


def run(
    main: Callable[[argparse.Namespace, BenchmarkDatabase], Coroutine[object, object, None]],
    given: argparse.Namespace,
) -> None:
    """Run `main` on a database with the demo, and let it open as many sockets as the hard limit allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with demo_database(SCALE) as database, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given, database))
