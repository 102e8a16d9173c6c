"""The statement that each document in `cases/` becomes, for an ordinary viewer and for an administrator.

`make fix` writes the files; their difference shows in review what a change of the planner does.
"""

from pathlib import Path

import pytest

from gql.request.limits import Limits
from gql.request.preparation import Preparation
from gql.schema import build_schema

CASES = Path(__file__).parent / "cases"
DOCUMENTS = sorted(CASES.glob("*.graphql"))
VARIABLES: dict[str, dict[str, object]] = {
    "one_row": {"id": "01a20000-0000-7000-8000-000000000000"},
    "best_first": {"words": "src main"},
    "conditions": {"statuses": ["RUNNING", "FAILED"], "name": "%a%"},
    "search": {"words": "東京 error"},
    "search_by_time": {"words": "東京 error"},
    "search_of_logs": {"words": "東京 error"},
    "several_roots": {"withLogs": True},
}
SCHEMA, CATALOG = build_schema()
PREPARATION = Preparation(SCHEMA._schema, Limits())


def statements(document: Path) -> dict[Path, str]:
    """The files that belong to a document, and what should stand in them."""
    operation = PREPARATION.operation(document.read_text(), None)
    variables = operation.variables(SCHEMA._schema, VARIABLES.get(document.stem)).coerced
    found = {}
    for viewer, is_admin in (("viewer", False), ("administrator", True)):
        plan = operation.root_plan(CATALOG, variables, is_admin=is_admin).plan
        found[CASES / f"{document.stem}.{viewer}.sql"] = f"{plan}\n"
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_a_document_becomes_the_statement_in_the_files_beside_it(document: Path) -> None:
    for file, statement in statements(document).items():
        assert statement == file.read_text(), f"{file.name} differs; `make fix` writes what is made now"


def main() -> None:
    """Write the files of every document."""
    for document in DOCUMENTS:
        for file, statement in statements(document).items():
            file.write_text(statement)


if __name__ == "__main__":
    main()
