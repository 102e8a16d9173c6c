"""Measures masking on one core, in MB/s of JSON with and without secrets: `python -m benchmarks.masking`."""

import time
from pathlib import Path
from typing import Final

import orjson

from services.secrets.known_forms import scanner
from services.secrets.masking import mask_all
from tests.support.secret_forms import cases, innocents

_TRAFFIC: Final = Path(__file__).parent.parent / "tests" / "data" / "mcp-traffic.jsonl"
_ROUNDS: Final = 40
_TARGET: Final = 5.0
"""MB/s."""


def main() -> None:
    """Print the speed of each kind of JSON."""
    traffic = [orjson.loads(line) for line in _TRAFFIC.read_bytes().splitlines()]
    scanner()
    kinds: dict[str, list[object]] = {
        "recorded MCP traffic": traffic * _ROUNDS,
        "code, prose and configuration": innocents("innocents") * _ROUNDS * 10,
        "nothing but secrets": [case.value for case in cases("forms", 1)] * _ROUNDS,
    }
    for name, values in kinds.items():
        size = len(orjson.dumps(values)) / 1e6
        began = time.process_time()
        mask_all(values)
        speed = size / (time.process_time() - began)
        note = "" if name != "recorded MCP traffic" else f", target {_TARGET:g}"
        print(f"{name}: {speed:.1f} MB/s of {size:.1f} MB{note}")


if __name__ == "__main__":
    main()
