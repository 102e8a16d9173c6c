"""Plans by what was asked of the variables while they were made.

Planning sees the variables through `ObservedVariables`, which notes each thing that is asked of them together
with the answer. Planning depends on nothing else of them, so its plan serves all variables that answer the
same; their values are its parameters. Which things are asked next depends on the answers so far. So plans are
the leaves of a tree: in a branch stand the observations that follow each other, and behind each combination
of answers what was planned or is asked then.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar

from gql.planner.values import Observation, ObservedVariables, Variables

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Kept(Generic[Made]):
    """Something that was planned, what was observed meanwhile, and the answer to each observation."""

    made: Made
    observations: tuple[Observation, ...]
    answers: tuple[Hashable, ...]


@dataclass(slots=True)
class _Branch(Generic[Made]):
    """Observations that are made after each other, and what follows behind their answers."""

    observations: tuple[Observation, ...]
    behind: "dict[tuple[Hashable, ...], _Branch[Made] | Kept[Made]]"

    def follow(self, variables: Variables) -> "_Branch[Made] | Kept[Made] | None":
        try:
            answers = tuple([observation.answer(variables) for observation in self.observations])
        except (LookupError, TypeError):
            return None  # they differ before the last observation, which makes sense behind the others alone
        return self.behind.get(answers)

    def split(self, place: int) -> None:
        """Let the observations from `place` on be made in branches behind this one."""
        first, rest = self.observations[:place], self.observations[place:]
        behind: dict[tuple[Hashable, ...], _Branch[Made] | Kept[Made]] = {}
        for answers, node in self.behind.items():
            branch = behind.setdefault(answers[:place], _Branch(rest, {}))
            if isinstance(branch, _Branch):
                branch.behind[answers[place:]] = node
        self.observations, self.behind = first, behind


_Node: TypeAlias = _Branch[Made] | Kept[Made]


class Plans:
    """Keeps what was planned, `most` of it: the half that was used last, and what was before.

    A context says which kind of thing is made in it, and for whom. Threads may share it. Who looks while
    another one keeps finds a plan or none, which is then made again.
    """

    def __init__(self, most: int) -> None:
        self._most = most // 2
        self._count = 0
        self._keeping = Lock()
        self._latest: dict[Hashable, _Node[Any]] = {}
        self._before: dict[Hashable, _Node[Any]] = {}

    def get(
        self, context: Hashable, variables: Variables, make: Callable[[ObservedVariables], Made]
    ) -> Kept[Made]:
        """The value that was made in this context for variables like these, or one that is made now.

        `make` looks at the variables through what it is given alone. What it raises is not kept.
        """
        kept: Kept[Made] | None = _find(self._latest.get(context), variables)
        if kept is None:
            kept = _find(self._before.get(context), variables)
            if kept is None:
                observed = ObservedVariables(variables)
                made = make(observed)
                kept = Kept(made, tuple(observed.answers), tuple(observed.answers.values()))
            self._keep(context, kept)
        return kept

    def _keep(self, context: Hashable, kept: Kept[Any]) -> None:
        with self._keeping:
            if self._count == self._most:
                self._latest, self._before, self._count = {}, self._latest, 0
            self._count += 1
            self._latest[context] = _with(self._latest.get(context), kept)


def _find(node: _Node[Made] | None, variables: Variables) -> Kept[Made] | None:
    while isinstance(node, _Branch):
        node = node.follow(variables)
    return node


def _with(root: _Node[Made] | None, kept: Kept[Made]) -> _Node[Made]:
    """The tree with one more leaf."""
    branch, place = root, 0
    while isinstance(branch, _Branch):
        same = _alike(branch.observations, kept.observations[place:])
        if same == 0:
            break
        if same < len(branch.observations):
            branch.split(same)
        answers, place = kept.answers[place : place + same], place + same
        following = branch.behind.get(answers)
        if not isinstance(following, _Branch):
            branch.behind[answers] = _chain(kept, place)
            return root if root is not None else kept
        branch = following
    return _chain(kept, 0)


def _chain(kept: Kept[Made], place: int) -> _Node[Made]:
    """The observations from `place` on, and the leaf behind them."""
    if place == len(kept.observations):
        return kept
    return _Branch(kept.observations[place:], {kept.answers[place:]: kept})


def _alike(observations: Sequence[Observation], others: Sequence[Observation]) -> int:
    """The number of observations, from the first on, in which both are the same."""
    same = 0
    for one, other in zip(observations, others, strict=False):
        if one != other:
            break
        same += 1
    return same
