"""A compiled statement: a frozen value that can be printed, cached and run with other variables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gql.planner.errors import ArgumentInvalid
from gql.planner.values import Constant, Path, Source, Variables


@dataclass(frozen=True, slots=True)
class ViewerId:
    """The parameter that says who reads."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: where its value comes from and how it becomes what the driver takes.

    `type` is the PostgreSQL type that the statement declares for it, as it stands behind `$1::`.
    """

    source: Source
    convert: Callable[[object], object]
    path: Path
    type: str

    def bind(self, variables: Variables) -> object:
        """The parameter under these variables; a value that does not fit is ArgumentInvalid."""
        try:
            return self.convert(self.source.resolve(variables))
        except ValueError as error:
            raise ArgumentInvalid(f"The value of `{self.path[-1]}` {error}.", self.path) from None


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement for one operation: a row with a column of JSON text per response key.

    `keys` are the response keys in order, `None` in a column being the value null. `by_viewer` says whether
    the statement asks who reads.
    """

    keys: tuple[str, ...]
    sql: str
    parameters: tuple[Parameter | ViewerId, ...]
    by_viewer: bool

    def bind(self, viewer_id: int, variables: Variables) -> list[object]:
        """The values of `$1`, `$2`, ... for this viewer and these variables."""
        return [
            viewer_id if isinstance(parameter, ViewerId) else parameter.bind(variables)
            for parameter in self.parameters
        ]

    def for_viewer(self, viewer_id: int, values: Sequence[object]) -> Sequence[object]:
        """The values that `bind` gave for another viewer, with this viewer in its place."""
        if not self.by_viewer:
            return values
        return [
            viewer_id if isinstance(parameter, ViewerId) else value
            for parameter, value in zip(self.parameters, values, strict=True)
        ]

    def __str__(self) -> str:
        lines = [self.sql]
        for number, parameter in enumerate(self.parameters, 1):
            if isinstance(parameter, ViewerId):
                lines.append(f"-- ${number}: the viewer")
            elif isinstance(parameter.source, Constant):
                lines.append(f"-- ${number}: {parameter.source.value!r}")
            else:
                lines.append(f"-- ${number}: {'.'.join(parameter.path)}")
        return "\n".join(lines)
