"""The demo as the generators draw it, table by table."""

import hashlib
from functools import cache
from typing import Any

from services.demo.row_counts import REFERENCE, figures_for
from services.demo.table_loads import shipments

SEED = 7


@cache
def tables(scale: float = 0.02, seed: int = SEED) -> dict[str, list[Any]]:
    """Every table with its rows."""
    drawn = shipments(figures_for(scale), seed, REFERENCE, "not a hash")
    return {shipment.table: list(shipment.rows) for shipment in drawn}


def digest(scale: float, seed: int) -> str:
    """One hash over every value of every row, drawn anew."""
    total = hashlib.sha256()
    for shipment in shipments(figures_for(scale), seed, REFERENCE, "not a hash"):
        for row in shipment.rows:
            total.update(repr((shipment.table, tuple(row))).encode())
    return total.hexdigest()
