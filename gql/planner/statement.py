"""State of one compilation: the environment, which does not change, and the statement, which grows."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from graphql import FragmentDefinitionNode

from gql.planner import conversions
from gql.planner.catalog import Catalog, Column, TableType
from gql.planner.column_types import CONVERT, ColumnType, output
from gql.planner.conversions import ChoiceOf, Conversion
from gql.planner.errors import ArgumentInvalid, TooManyRelations
from gql.planner.plan import Parameter, ViewerId
from gql.planner.values import Constant, ObservedVariables, Source, Value
from models import policy

MOST_PARAMETERS = 5_000
"""Of one statement; the driver takes 32,767, and PostgreSQL long to plan them."""

MOST_RELATIONS = 100
"""Other tables that the filters and orders of one statement ask; a filter counts wherever it is used."""

DEEPEST_RELATIONS = 6
"""Tables behind each other in a filter or order."""

MOST_JOINED = 6
"""Related tables of a filter that PostgreSQL may join in any order; the time to choose is exponential."""


@dataclass(frozen=True, slots=True)
class CompileEnv:
    """The request, and the kind of viewer: administrators get statements without predicates."""

    catalog: Catalog
    variables: ObservedVariables
    fragments: Mapping[str, FragmentDefinitionNode] = field(default_factory=lambda: MappingProxyType({}))
    is_admin: bool = False


@dataclass(slots=True)
class Statement:
    """The parameters and aliases used so far. With `viewer_column` it is asked for several viewers at once.

    An alias is a stem and a number, `task$1`: no name in a GraphQL document contains a dollar sign, so an
    alias can never be taken for a column that is named after a response key.
    """

    env: CompileEnv
    viewer_column: str | None = None
    parameters: list[Parameter | ViewerId] = field(default_factory=list)
    aliases: Counter[str] = field(default_factory=Counter)
    by_viewer: bool = False
    """Whether the text asks who reads."""
    sets: dict[str, str] | None = None
    """Queries for keys that the viewer may see, with their names; None where there is no place for them."""
    constants: int = 0
    relations: int = 0
    joined: int = 0

    def alias(self, stem: str) -> str:
        """The next alias with this stem."""
        self.aliases[stem] += 1
        return f"{stem}${self.aliases[stem]}"

    def parameter(self, value: Value, convert: Callable[[object], object], cast: str) -> str:
        """`$3::uuid`, bound to the value each time the plan runs. A constant that does not fit raises now."""
        return self.bound(value.source, convert, cast, value.path)

    def bound(
        self, source: Source, convert: Callable[[object], object], cast: str, path: tuple[str, ...]
    ) -> str:
        """The same for a source that is no argument's value by itself."""
        self._require_few(path)
        self.parameters.append(Parameter(source, convert, path, cast.split("::")[1]))
        return f"${len(self.parameters)}{cast}"

    def compared(self, value: Value, convert: Conversion, cast: str) -> str:
        """SQL for the value that a column is compared with: a parameter, or `'completed'::text` for a choice.

        PostgreSQL plans a statement once for all values of its parameters. Of a choice in the text it knows
        how many rows have it, and which partial indexes hold them (decision 179). There are few choices, and
        so few texts; they are written by the models, not by the client.
        """
        source = value.source
        if not (isinstance(source, Constant) and conversions.is_of_few(convert)):
            return self.bound(source, convert, cast, value.path)
        self._require_few(value.path)
        self.constants += 1
        return f"{literal(Parameter(source, convert, value.path, cast).bind({}))}{cast}"

    def _require_few(self, path: tuple[str, ...]) -> None:
        if len(self.parameters) + self.constants >= MOST_PARAMETERS:
            raise ArgumentInvalid(
                f"The operation has more than {MOST_PARAMETERS} conditions and keys; "
                "give many values as one list, such as `in`.",
                path,
            )

    def enter(self, depth: int, path: tuple[str, ...]) -> None:
        """Count a table that a filter or an order asks, the `depth`th behind each other.

        Raises:
            TooManyRelations: there are more of them than PostgreSQL plans in little time.
        """
        self.relations += 1
        if depth > DEEPEST_RELATIONS:
            raise TooManyRelations(
                f"`where` and `orderBy` may lead through at most {DEEPEST_RELATIONS} tables, one after "
                "another; ask for less in one filter.",
                path,
            )
        if self.relations > MOST_RELATIONS:
            raise TooManyRelations(
                f"The filters and orders of the operation ask more than {MOST_RELATIONS} related tables, "
                "a filter counted wherever it is used; ask for less in one operation.",
                path,
            )

    def viewer(self) -> str:
        """`$1::int`, the viewer's users.id: one parameter however often it is used; or `viewer_column`."""
        self.by_viewer = True
        if self.viewer_column is not None:
            return self.viewer_column
        for number, parameter in enumerate(self.parameters, 1):
            if isinstance(parameter, ViewerId):
                return f"${number}::int"
        self.parameters.append(ViewerId())
        return f"${len(self.parameters)}::int"

    def visible(
        self, table: TableType, alias: str, *, one_by_one: bool = False, at_first: bool = False
    ) -> list[str]:
        """The predicate that leaves the rows which the viewer may see: none or one (`policy.visible`)."""
        if self.env.is_admin or policy.is_everybodys(table.table):
            return []
        # PostgreSQL refuses a parameter that nothing uses.
        viewer = self.viewer() if policy.is_by_viewer(table.table) else ""
        return [policy.visible(table.table, alias, viewer, one_by_one=one_by_one, at_first=at_first)]

    def small_set(self, table: TableType, alias: str) -> policy.SmallSet | None:
        """The way to find the viewer's rows from the keys that they may see (`policy.small_set`), or None.

        The sets of keys stand before the statement (`with_sets`), so that each is found once, and only when
        it is asked, however many lists and partitions ask.
        """
        ways = policy.ways(table.table)
        if self.env.is_admin or self.sets is None or not ways:
            return None
        named = {}
        for way in ways:
            keys = policy.visible_keys(way, self.viewer())
            if keys not in self.sets:
                self.sets[keys] = self.alias("seen")
            named[way.column] = self.sets[keys]
        return policy.small_set(table.table, alias, named)

    def with_sets(self, text: str) -> str:
        """`WITH seen$1 AS MATERIALIZED (SELECT cc_instances.id AS key FROM ...) SELECT ...`"""
        if not self.sets:
            return text
        named = ", ".join(f"{name} AS MATERIALIZED (\n{keys}\n)" for keys, name in self.sets.items())
        return f"WITH {named}\n{text}"

    def column(self, table: TableType, column: Column, alias: str) -> str:
        """`task$1.name`; a private column is NULL in every row that is not about the viewer.

        The same expression stands in filters, orders and aggregates, so that nothing can be told from them.
        """
        plain = f"{alias}.{column.name}"
        if not column.private or self.env.is_admin:
            return plain
        return f"CASE WHEN {policy.private_to(table.table, alias, self.viewer())} THEN {plain} END"


def conversion(column: Column) -> Callable[[object], object]:
    """A function that converts values for comparison with a column."""
    if column.kind is ColumnType.CHOICE and column.choices is not None:
        return ChoiceOf(column.choices)
    return CONVERT[column.kind]


def literal(value: object) -> str:
    """A text of the models in SQL, or a list of them: `'completed'`, `ARRAY['completed', 'failed']`."""
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    return "'" + str(value).replace("'", "''") + "'"


def shown(statement: Statement, table: TableType, column: Column, alias: str) -> str:
    """The column in the form that the API promises."""
    return output(statement.column(table, column, alias), column.kind, column.choices)
