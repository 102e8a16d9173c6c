"""What docs/ tell of columns and tables by name is what the declarations say."""

from pathlib import Path

import pytest

from services.writing.declaration import Kept, Lost, Moved
from services.writing.guests import open_to_guests
from services.writing.tables import DECLARED, TABLES

DOCS = Path(__file__).parents[4] / "docs"
MUTATIONS = (DOCS / "mutations.md").read_text()
SECURITY = (DOCS / "security.md").read_text()

COLUMNS = [column for table in TABLES.values() for column in table.columns.values()]


def section(text: str, title: str) -> str:
    """What stands under a heading."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    "field",
    sorted({one.field for one in COLUMNS if one.on_create and (one.is_secret or one.secrets is not None)}),
)
def test_the_page_on_mutations_names_every_column_with_a_secret(field: str) -> None:
    assert f"`{field}`" in section(MUTATIONS, "Secrets")


def test_the_page_on_security_names_what_guests_change() -> None:
    (told,) = [part for part in SECURITY.split("\n\n") if part.startswith("**Guests**")]
    first = told.partition("append")[0]
    fields = {table.columns[name].field for table in TABLES.values() for name in open_to_guests(table.name)}
    assert set(first.split("`")[1::2]) == fields


def test_the_page_on_security_names_what_is_stored_as_it_is_given() -> None:
    told = " ".join(SECURITY.partition("Not masked")[2].partition("\n\n")[0].split())
    tables = {one.column.table.name for one in COLUMNS if "in_clear" in one.column.info}
    assert tables == {"notification_settings", "system_settings"}
    assert "settings of a person's notifications" in told
    assert "system settings" in told


def test_the_page_on_mutations_tells_what_the_archive_keeps() -> None:
    told = section(MUTATIONS, "Projects")
    for declared in DECLARED.values():
        last = declared.name.rpartition("_")[2]
        match declared.archive:
            case Moved():
                assert f"`{declared.name}_archive`" in told
            case Kept():
                assert last in told.partition("Its instances")[2] or last == "instances"
            case Lost():
                assert f"{last.capitalize()} that wait" in told
