"""Spells names of the database as the API does."""

import re


def lower_first(name: str) -> str:
    """`CcInstance` becomes `ccInstance`."""
    return name[:1].lower() + name[1:]


def upper_first(name: str) -> str:
    """`ccInstance` becomes `CcInstance`."""
    return name[:1].upper() + name[1:]


def constant(name: str) -> str:
    """`createdAt` becomes `CREATED_AT`, as enum members are spelt."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
