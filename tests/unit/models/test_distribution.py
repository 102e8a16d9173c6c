"""What docs/operations.md says of a distribution by project is what the models have."""

from tests.support import distribution


def test_the_document_lists_every_table_as_it_is() -> None:
    assert distribution.documented() == distribution.table(), (
        "run `python -m tests.support.distribution` and commit docs/operations.md"
    )
