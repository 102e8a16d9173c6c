"""The same records give the same rows, in any order, in any parts, and however often."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from models.enums import IngestSource
from services.core.database import Database
from services.core.principal import Principal
from services.fleet.records import RawRecord
from tests.integration.fleet.digesting import clear, digested, everything, person
from tests.support.claude_code import records


def in_parts(told: Sequence[RawRecord], chance: random.Random) -> list[RawRecord]:
    """The same with transcripts cut into pieces of some lines."""
    found = []
    for record in told:
        if record.source is not IngestSource.TRANSCRIPT or "lines" not in record.body:
            found.append(record)
            continue
        lines = record.body["lines"]
        start = 0
        while start < len(lines):
            size = chance.randint(1, len(lines))
            body = {**record.body, "offset": start, "lines": lines[start : start + size]}
            found.append(replace(record, body=body))
            start += size
    return found


async def tell(database: Database, who: Principal, told: Sequence[RawRecord], chance: random.Random) -> None:
    """Digest records in batches of random sizes."""
    start = 0
    while start < len(told):
        size = chance.randint(1, max(len(told) // 3, 1))
        await digested(database, who, told[start : start + size])
        start += size


def differences(one: dict[str, list[dict[str, Any]]], other: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What differs, in a form that can be read."""
    found = []
    for table, rows in one.items():
        others = other[table]
        if len(rows) != len(others):
            found.append(f"{table}: {len(rows)} rows, {len(others)} rows")
            continue
        for row, known in zip(rows, others, strict=True):
            found += [
                f"{table}.{name} of {row.get('id')}: {value!r}, {other_value!r}"
                for name, value, other_value in unlike(row, known)
            ]
    return found


def unlike(row: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """The members that differ, also of objects within objects."""
    for name in dict.fromkeys((*row, *other)):
        value, known = row.get(name), other.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            yield from ((f"{name}.{inner}", one, two) for inner, one, two in unlike(value, known))
        elif value != known:
            yield name, value, known


@pytest.mark.parametrize("seed", range(12))
async def test_all_records_in_any_order_and_parts_give_the_same_rows(database: Database, seed: int) -> None:
    who = await person(database)
    told = records()
    await digested(database, who, told)
    expected = await everything(database)
    await clear(database)
    chance = random.Random(seed)
    again = in_parts(told, chance)
    again += chance.sample(again, len(again) // 2)
    chance.shuffle(again)

    await tell(database, who, again, chance)

    assert "\n".join(differences(expected, await everything(database))) == ""


def with_holes(told: Sequence[RawRecord], chance: random.Random) -> list[RawRecord]:
    """The same without some records and some lines of transcripts."""
    found = []
    for record in told:
        if record.source is IngestSource.TRANSCRIPT and "lines" in record.body:
            lines = [line for line in record.body["lines"] if chance.random() < 0.7]
            found.append(replace(record, body={**record.body, "lines": lines}))
        elif chance.random() < 0.7:
            found.append(record)
    return found


@pytest.mark.parametrize("seed", range(8))
async def test_with_records_and_lines_missing_the_order_still_does_not_matter(
    database: Database, seed: int
) -> None:
    who = await person(database)
    chance = random.Random(seed)
    told = with_holes(records(), chance)
    await digested(database, who, told)
    expected = await everything(database)
    await clear(database)
    again = in_parts(told, chance)
    chance.shuffle(again)

    await tell(database, who, again, chance)

    assert "\n".join(differences(expected, await everything(database))) == ""


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_missing_and_told_later_gives_the_same_rows(database: Database, seed: int) -> None:
    who = await person(database)
    await digested(database, who, records())
    expected = await everything(database)
    await clear(database)
    chance = random.Random(seed)

    await tell(database, who, with_holes(records(), chance), chance)
    await tell(database, who, records(), chance)

    assert "\n".join(differences(expected, await everything(database))) == ""


async def test_what_is_told_again_changes_nothing(database: Database) -> None:
    who = await person(database)
    await digested(database, who, records())
    expected = await everything(database)

    await digested(database, who, records())

    assert "\n".join(differences(expected, await everything(database))) == ""
