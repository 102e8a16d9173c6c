"""Coerces variables by functions that are made once for each type; graphql-core looks at the types each time.

A bulk input has thousands of rows of one type, and asking for each of their values what kind of type it has
takes longer than storing it. What does not fit is left to graphql-core, which has the words for it.
"""

from collections.abc import Callable
from functools import lru_cache
from threading import RLock
from typing import Any, TypeAlias
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    Undefined,
    assert_leaf_type,
    is_required_input_field,
)

from gql.compat.graphql_core import coerce_default_value
from gql.planner import conversions

Coerce: TypeAlias = Callable[[Any], Any]
"""From a value of a request to the one that resolvers get. Raises `NotCoerced`."""


class NotCoerced(Exception):
    """The value does not fit its type, or fits it in a way that only the general coercion knows."""


class Coercions:
    """The coercions of a schema's input types, each made when it is first needed."""

    def __init__(self) -> None:
        self._made: dict[str, Coerce | None] = {}
        self._making = RLock()

    def of(self, kind: GraphQLInputType) -> Coerce | None:
        """The coercion of a type; None where a type contains itself, since its values may be of any depth."""
        name = str(kind)
        with self._making:
            if name not in self._made:
                self._made[name] = None  # what a type finds that leads back to this one
                self._made[name] = self._make(kind)
            return self._made[name]

    def _make(self, kind: GraphQLInputType) -> Coerce | None:
        if isinstance(kind, GraphQLNonNull):
            return self._make_given(kind.of_type)
        given = self._make_given(kind)
        return None if given is None else _nullable(given)

    def _make_given(self, kind: GraphQLInputType) -> Coerce | None:
        """The coercion of values that are not null."""
        if isinstance(kind, GraphQLList):
            element = self.of(kind.of_type)
            return None if element is None else _list(element)
        if not isinstance(kind, GraphQLInputObjectType):
            return _leaf(kind)
        fields = {name: self.of(field.type) for name, field in kind.fields.items()}
        made = {name: coerce for name, coerce in fields.items() if coerce is not None}
        return None if kind.is_one_of or made.keys() != fields.keys() else _object(kind, made)


def _nullable(given: Coerce) -> Coerce:
    return lambda value: None if value is None else given(value)


def _list(element: Coerce) -> Coerce:
    def coerce(value: object) -> object:
        if type(value) is not list:
            raise NotCoerced
        return [element(item) for item in value]

    return coerce


def _object(kind: GraphQLInputObjectType, fields: dict[str, Coerce]) -> Coerce:
    required = {name for name, field in kind.fields.items() if is_required_input_field(field)}
    defaults = {
        _out_name(name, field): default
        for name, field in kind.fields.items()
        if (default := coerce_default_value(field)) is not Undefined
    }
    out_names = [(name, _out_name(name, kind.fields[name]), coerce) for name, coerce in fields.items()]

    def coerce(value: object) -> object:
        if type(value) is not dict or not required <= value.keys() <= fields.keys():
            raise NotCoerced
        coerced = {out_name: coerce(value[name]) for name, out_name, coerce in out_names if name in value}
        return kind.out_type({**defaults, **coerced} if defaults else coerced)

    return coerce


def _out_name(name: str, field: GraphQLInputField) -> str:
    return field.out_name or name


def _leaf(kind: GraphQLInputType) -> Coerce:
    if kind is GraphQLString:
        return _string
    leaf = assert_leaf_type(kind)
    if isinstance(leaf, GraphQLEnumType):
        return _member({name: leaf.coerce_input_value(name) for name in leaf.values})
    general: Coerce = _uuid if leaf.name == "UUID" else leaf.coerce_input_value

    def coerce(value: object) -> object:
        if value is None:
            raise NotCoerced
        try:
            coerced = general(value)
        except Exception:
            raise NotCoerced from None
        if coerced is Undefined:
            raise NotCoerced
        return coerced

    return coerce


def _member(members: dict[str, object]) -> Coerce:
    def coerce(value: object) -> object:
        if type(value) is not str or value not in members:
            raise NotCoerced
        return members[value]

    return coerce


def _string(value: object) -> object:
    if type(value) is not str:
        raise NotCoerced
    return value


@lru_cache(4096)
def _uuid(value: object) -> UUID:
    # The rows of a call belong to few instances and tasks, whose keys they all repeat.
    return conversions.uuid(value)
