"""Errors of documents that cannot be planned; `gql/execution/runner.py` turns them into the API's errors."""


class PlanError(Exception):
    """Something in the arguments cannot be planned.

    `message` is for the caller; `path` leads to the argument: `("projects", "nodes", "tasks", "first")`.
    """

    def __init__(self, message: str, path: tuple[str, ...]) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class ArgumentInvalid(PlanError):
    """An argument's value is of the wrong type, range or combination."""


class TooManyRelations(PlanError):
    """Filters and orders lead through more tables than PostgreSQL plans in little time."""


class CursorUnusable(PlanError):
    """A cursor belongs to another order or table, or was altered."""
