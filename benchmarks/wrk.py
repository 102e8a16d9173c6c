"""Load from wrk (Debian package wrk): one shape, one server, a bounded time, loopback only."""

import asyncio
import json
import math
import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_SCRIPT = """
local bodies = {%(bodies)s}
local ready, place = {}, 0
%(headers)s
function init(arguments)
  for number, body in ipairs(bodies) do ready[number] = wrk.format("POST", nil, nil, body) end
end
function request()
  place = place %% #ready + 1
  return ready[place]
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %%d, "seconds": %%f, "p50": %%f, "p95": %%f, "p99": %%f, ' ..
    '"bytes": %%d, "bad": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""

LONGEST_SECONDS = 30
MOST_CONNECTIONS = 200


class WrkError(RuntimeError):
    """wrk is not there, or its run is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Load:
    """The results of a run. Latencies are in milliseconds, `bytes_each` is per response with its headers."""

    rate: float
    p50: float
    p95: float
    p99: float
    bytes_each: int


def median(loads: Sequence[Load]) -> Load:
    """The median of each figure by itself."""
    return Load(
        rate=statistics.median(load.rate for load in loads),
        p50=statistics.median(load.p50 for load in loads),
        p95=statistics.median(load.p95 for load in loads),
        p99=statistics.median(load.p99 for load in loads),
        bytes_each=statistics.median_low(load.bytes_each for load in loads),
    )


async def run(
    url: str,
    bodies: Sequence[bytes],
    headers: Mapping[str, str],
    *,
    connections: int = 16,
    seconds: float,
) -> Load:
    """POST the bodies in turn, again and again, over `connections` for `seconds`.

    With more bodies than connections no two requests under way are alike.

    Raises:
        WrkError: wrk is missing, or a single response was not a success: a rate of errors is no rate.
    """
    program = shutil.which("wrk")
    if program is None:
        raise WrkError("wrk is not installed: apt-get install wrk")
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise WrkError(f"Load goes to this machine only, not to {url}")
    connections = min(connections, MOST_CONNECTIONS)
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    script = _SCRIPT % {"bodies": ", ".join(map(_lua, bodies)), "headers": "\n".join(lines)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "post.lua"
        path.write_text(script)
        process = await asyncio.create_subprocess_exec(
            program,
            "--threads=1",
            f"--connections={connections}",
            f"--duration={math.ceil(min(seconds, LONGEST_SECONDS))}s",
            "--timeout=30s",
            f"--script={path}",
            url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
    found = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if process.returncode or found is None:
        raise WrkError(f"wrk failed:\n{output}")
    result = json.loads(found.removeprefix("RESULT "))
    if not result["requests"] and seconds < LONGEST_SECONDS:
        return await run(url, bodies, headers, connections=connections, seconds=seconds * 5)
    if result["bad"] or not result["requests"]:
        raise WrkError(f"{result['bad']} of {result['requests']} requests to {url} failed")
    return Load(
        rate=result["requests"] / result["seconds"],
        p50=result["p50"],
        p95=result["p95"],
        p99=result["p99"],
        bytes_each=result["bytes"] // result["requests"],
    )


def _lua(text: bytes) -> str:
    """A Lua string literal: every byte that is not plain as a decimal escape."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03d}"
