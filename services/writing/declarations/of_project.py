"""Parts that declarations share: what belongs to a project, and conditions on references."""

from typing import Final

from models.policy import Predicate
from services.writing.declaration import Access, Reference

DIRECTLY: Final = ("project_id",)
"""The column by which rows of a project are found at once."""

EDITED_PROJECT: Final = Reference("project_id", "projects", access=Access.CHANGE)


def same_project(column: str, target: str) -> Reference:
    """A reference to a row of `target` of the same project."""
    return Reference(
        column,
        target,
        condition=Predicate(
            "referred.project_id IS NOT DISTINCT FROM written.project_id", frozenset({"project_id"})
        ),
        sentence="This belongs to another project.",
    )


def project_of(table: str, column: str) -> Predicate:
    """A predicate: a row is of the same project as another; without that one, the row is judged elsewhere."""
    return Predicate(
        f"(written.{column} IS NULL OR referred.project_id IS NOT DISTINCT FROM"
        f" (SELECT near.project_id FROM {table} AS near WHERE near.id = written.{column}))",
        frozenset({column}),
    )


def same_value(column: str, other: str) -> Predicate:
    """A predicate: the referred row has the same value in `column` as the row in `other`."""
    return Predicate(f"referred.{column} = written.{other}", frozenset({other}))
