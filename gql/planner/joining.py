"""One statement for several sets of parameters of another, as if it had run once with each of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gql.planner.plan import Parameter, Plan
from gql.planner.table_dependencies import is_heavy

LONGEST = 10_000
"""Characters of a statement that is joined: PostgreSQL keeps a second plan of each that is."""

_PARAMETER = re.compile(r"(?<![\w$])\$(\d+)")
"""A parameter, not the end of an alias such as `task$1`. A text that the planner writes has neither strings
nor comments of a client's, and no name in a GraphQL document has a dollar sign."""


@dataclass(frozen=True, slots=True)
class JoinedPlan:
    """A statement whose parameters are lists, one value for each asker: `bind` makes them.

    It gives a row for each asker in any order: the columns of the plan, and behind them the asker's place,
    from 1. `varying` are the parameters of the plan, counted from 0, that are lists here; the viewer is not.
    """

    sql: str
    varying: tuple[int, ...]
    viewer: int | None

    def bind(self, asked: Sequence[Sequence[object]]) -> list[object]:
        """The parameters for those of the plan that each asker has; all have the same viewer."""
        lists: list[object] = [[values[number] for values in asked] for number in self.varying]
        return lists if self.viewer is None else [*lists, asked[0][self.viewer]]


def join(plan: Plan) -> JoinedPlan | None:
    """The statement that answers several askers of one viewer; None where that saves nothing or is not safe.

    `SELECT answer.*, asked.place FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (value$1, place)
    CROSS JOIN LATERAL (SELECT (... task$1.id = asked.value$1::uuid ...) AS "task") AS answer`

    The viewer stays a parameter, so that PostgreSQL asks once for all askers which keys they may see. Lists
    among the values cannot be told apart once they are in one list, and the index of a search is used only
    when its words are parameters.
    """
    varying = tuple(
        number for number, parameter in enumerate(plan.parameters) if isinstance(parameter, Parameter)
    )
    types = [_type(plan.parameters[number]) for number in varying]
    if not varying or len(plan.sql) > LONGEST or any("[" in name for name in types) or is_heavy(plan.sql):
        return None
    viewer = next((place for place in range(len(plan.parameters)) if place not in varying), None)
    names = {number: f"asked.value${place}" for place, number in enumerate(varying, 1)}
    if viewer is not None:
        names[viewer] = f"${len(varying) + 1}"
    text = _PARAMETER.sub(lambda found: names[int(found[1]) - 1], plan.sql)
    lists = ", ".join(f"${place}::{name}[]" for place, name in enumerate(types, 1))
    values = ", ".join(f"value${place}" for place in range(1, len(types) + 1))
    sql = (
        f"SELECT answer.*, asked.place\nFROM unnest({lists}) WITH ORDINALITY AS asked ({values}, place)\n"
        f"CROSS JOIN LATERAL (\n{text}\n) AS answer"
    )
    return JoinedPlan(sql, varying, viewer)


def _type(parameter: object) -> str:
    return parameter.type if isinstance(parameter, Parameter) else ""
