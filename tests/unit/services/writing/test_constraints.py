"""Every constraint that a caller can violate is explained."""

from sqlalchemy import CheckConstraint

from models import metadata
from services.writing.tables import TABLES


def test_every_check_constraint_is_a_closed_list_or_has_a_sentence() -> None:
    without = [
        constraint.name
        for name in (*TABLES, "users")
        for constraint in metadata.tables[name].constraints
        if isinstance(constraint, CheckConstraint)
        and "sentence" not in constraint.info
        and " IN (" not in str(constraint.sqltext)
    ]

    assert without == []
