"""Coerces variables by functions that are made once for each type; graphql-core looks at the types each time.

A bulk input has thousands of rows of one type, and asking for each of their values what kind of type it has
takes longer than storing it. The same walk tells what does not fit: a sentence and a place for each value,
and never the value, which may be a password.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import RLock
from typing import Any, TypeAlias
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    Undefined,
    assert_leaf_type,
    get_named_type,
    is_input_object_type,
    is_required_input_field,
)

from gql.compat.graphql_core import coerce_default_value
from gql.planner import conversions

MOST_PROBLEMS = 50
"""Values of one request that are told not to fit."""

Path: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[Path, str]
"""Where a value stands that does not fit, and what is wrong with it: a sentence without its subject."""

Coerce: TypeAlias = Callable[[Any], Any]
"""From a value of a request to the one that resolvers get. Raises `NotCoerced`."""


class NotCoerced(Exception):
    """The value does not fit its type: `problems` say where and why, at most `MOST_PROBLEMS`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def below(self, step: str | int) -> list[Problem]:
        """The problems as the parent of the value sees them."""
        return [((step, *path), sentence) for path, sentence in self.problems]


def missing(kind: GraphQLInputType) -> str:
    """The sentence about a value that must be given; `kind` is its type without the `!`."""
    return f"is missing: give a value of the type `{kind}`"


class Coercions:
    """The coercions of a schema's input types, each made when it is first needed.

    With `hide_members` no sentence lists the members of an enum.
    """

    def __init__(self, *, hide_members: bool = False) -> None:
        self._hide_members = hide_members
        self._made: dict[str, Coerce] = {}
        self._nesting: dict[str, bool] = {}
        self._making = RLock()

    def of(self, kind: GraphQLInputType) -> Coerce:
        """The coercion of a type."""
        name = str(kind)
        with self._making:
            if name not in self._made:
                # What the type finds that leads back to it looks it up again when a value is there.
                self._made[name] = lambda value: self._made[name](value)
                self._made[name] = self._make(kind)
            return self._made[name]

    def nests(self, kind: GraphQLInputType) -> bool:
        """True if values of a type may be of any depth, since it contains itself or a type that does."""
        name = get_named_type(kind).name
        if name not in self._nesting:
            self._nesting[name] = _leads_back(kind)
        return self._nesting[name]

    def _make(self, kind: GraphQLInputType) -> Coerce:
        if isinstance(kind, GraphQLNonNull):
            return self._of_given(kind.of_type, missing(kind.of_type))
        return self._of_given(kind, None)

    def _of_given(self, kind: GraphQLInputType, if_null: str | None) -> Coerce:
        """The coercion of a type; `if_null` is the sentence about null, None where null is a value."""
        if isinstance(kind, GraphQLList):
            return _list(self.of(kind.of_type), if_null)
        if isinstance(kind, GraphQLInputObjectType):
            fields = {name: self.of(field.type) for name, field in kind.fields.items()}
            return _object(kind, fields, if_null)
        leaf = assert_leaf_type(kind)
        if leaf is GraphQLString:
            return _string(if_null)
        if isinstance(leaf, GraphQLEnumType):
            return _member(leaf, if_null, hide_members=self._hide_members)
        return _scalar(leaf, if_null)


def _leads_back(kind: GraphQLInputType, above: tuple[str, ...] = ()) -> bool:
    found = get_named_type(kind)
    if not is_input_object_type(found):
        return False
    return found.name in above or any(
        _leads_back(field.type, (*above, found.name)) for field in found.fields.values()
    )


def _null(if_null: str | None) -> object:
    if if_null is not None:
        raise NotCoerced([((), if_null)])
    return None


def _list(element: Coerce, if_null: str | None) -> Coerce:
    def coerce(value: object) -> object:
        if value is None:
            return _null(if_null)
        if not isinstance(value, list):
            return [element(value)]  # a single value is a list of one (GraphQL, 3.11)
        coerced: list[object] = []
        problems: list[Problem] = []
        for index, item in enumerate(value):
            try:
                coerced.append(element(item))
            except NotCoerced as wrong:
                problems += wrong.below(index)
                if len(problems) >= MOST_PROBLEMS:
                    break
        if problems:
            raise NotCoerced(problems[:MOST_PROBLEMS])
        return coerced

    return coerce


def _object(kind: GraphQLInputObjectType, fields: dict[str, Coerce], if_null: str | None) -> Coerce:
    required = {
        name: missing(field.type.of_type)
        for name, field in kind.fields.items()
        if is_required_input_field(field) and isinstance(field.type, GraphQLNonNull)
    }
    defaults = {
        field.out_name or name: default
        for name, field in kind.fields.items()
        if (default := coerce_default_value(field)) is not Undefined
    }
    members = [(name, kind.fields[name].out_name or name, coerce) for name, coerce in fields.items()]
    is_one_of, out_type = kind.is_one_of, kind.out_type

    def coerce(value: object) -> object:
        if value is None:
            return _null(if_null)
        if not isinstance(value, dict):
            raise NotCoerced([((), f"must be an object of the type `{kind}`")])
        coerced = defaults.copy()
        problems: list[Problem] = []
        # In the order of the type, whatever the order of the value: that makes fewer plans.
        for name, out_name, of_field in members:
            if name in value:
                try:
                    coerced[out_name] = of_field(value[name])
                except NotCoerced as wrong:
                    problems += wrong.below(name)
            elif name in required:
                problems.append(((name,), required[name]))
        if not value.keys() <= fields.keys():
            unknown = f"is no field of the type `{kind}`: leave it out"
            problems += [((name,), unknown) for name in value if name not in fields]
        if is_one_of and (len(value) != 1 or None in value.values()):
            problems.append(((), "must have exactly one field, and a value in it"))
        if problems:
            raise NotCoerced(problems[:MOST_PROBLEMS])
        return out_type(coerced)

    return coerce


def _string(if_null: str | None) -> Coerce:
    def coerce(value: object) -> object:
        if not isinstance(value, str):
            if value is None:
                return _null(if_null)
            raise NotCoerced([((), _expected(GraphQLString))])
        return value

    return coerce


def _member(leaf: GraphQLEnumType, if_null: str | None, *, hide_members: bool) -> Coerce:
    members = {name: leaf.coerce_input_value(name) for name in leaf.values}
    sentence = _expected(leaf) if hide_members else f"must be one of {', '.join(leaf.values)}"

    def coerce(value: object) -> object:
        if value is None:
            return _null(if_null)
        if not isinstance(value, str) or value not in members:
            raise NotCoerced([((), sentence)])
        return members[value]

    return coerce


def _scalar(leaf: GraphQLLeafType, if_null: str | None) -> Coerce:
    general: Coerce = _uuid if leaf.name == "UUID" else leaf.coerce_input_value

    def coerce(value: object) -> object:
        if value is None:
            return _null(if_null)
        try:
            coerced = general(value)
        except Exception:
            raise NotCoerced([((), _sentence(leaf, value))]) from None
        if coerced is Undefined:
            raise NotCoerced([((), _expected(leaf))])
        return coerced

    return coerce


def _sentence(leaf: GraphQLLeafType, value: object) -> str:
    """The scalar's own sentence about a value that it does not take; graphql-core's words quote the value."""
    try:
        leaf.coerce_input_value(value)  # type: ignore[arg-type] # it says so itself
    except GraphQLError:
        return _expected(leaf)
    except ValueError as error:
        return str(error)
    except Exception:
        return _expected(leaf)
    return _expected(leaf)


def _expected(leaf: GraphQLLeafType) -> str:
    return f"must be a value of the type `{leaf}`"


@lru_cache(4096)
def _uuid(value: object) -> UUID:
    # The rows of a call belong to few instances and tasks, whose keys they all repeat.
    return conversions.uuid(value)
