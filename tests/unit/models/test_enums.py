"""The closed lists of the documents and the columns that hold them."""

import pytest
from sqlalchemy import Column

from models import metadata
from models.types import Choice

CHOICES = [
    column
    for table in metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, Choice) and column.type.length
]


@pytest.mark.parametrize("column", CHOICES, ids=str)
def test_every_value_of_a_closed_list_fits_into_its_column(column: Column[str]) -> None:
    assert isinstance(column.type, Choice)
    assert max(len(member.value) for member in column.type.enum_class) <= (column.type.length or 0)
