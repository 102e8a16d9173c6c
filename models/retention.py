"""Conditions for rows past their retention (decision 29), said in the `info` of their table.

Maintenance removes them from every table that says so. Tables that are partitioned by time say nothing: of
those, `retention.<table>_days` is counted from the column that they are partitioned by.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import MetaData, Table

KEY: Final = "retention"


@dataclass(frozen=True, slots=True)
class Retention:
    """Rows go so many days after the time in `column` as the setting says; without a figure none goes.

    `condition` is SQL for rows that may go at all.
    """

    column: str
    setting: str
    condition: str | None = None

    @property
    def expired(self) -> str:
        """SQL for the rows that have no use any more at the moment $1."""
        old = (
            f"{self.column} < $1::timestamptz"
            f" - INTERVAL '1 day' * ccgraph_setting('retention.{self.setting}_days')"
        )
        return old if self.condition is None else f"{self.condition} AND {old}"


def kept_from(column: str, setting: str, condition: str | None = None) -> dict[str, Any]:
    """The `info` of a table whose rows go `retention.<setting>_days` days after the time in `column`."""
    return {KEY: Retention(column, setting, condition)}


def retention_of(table: Table) -> Retention | None:
    """The time for which the rows of a table are kept; None where nothing is said."""
    found: Retention | None = table.info.get(KEY)
    return found


def partitioned(metadata: MetaData) -> dict[str, str]:
    """The tables that are partitioned by time, and the column of that time."""
    found = {}
    for table in metadata.sorted_tables:
        by = table.dialect_options["postgresql"].get("partition_by")
        if by is not None:
            found[str(table.name)] = by.removeprefix("RANGE (").removesuffix(")")
    return found
