"""Measures how much one operation asks for, in one walk that enters each fragment once.

`measure` walks a parsed document before it is validated, so nothing in it is taken for granted: fragments may
form cycles, fields and arguments may not exist. What a fragment contributes is computed the first time it is
spread and reused after that, so the work is linear in the document however its fragments are nested.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLID,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_input_object_type,
    is_list_type,
    visit,
)

from gql.planner.aggregates import PERCENTILE, ROWS_SORTED
from gql.planner.computed_fields import ROWS_READ
from gql.planner.pages import DEFAULT_PAGE, MAXIMUM_PAGE
from gql.request.relations import Asked, asked
from services.core.errors import BadInput, QueryTooComplex

# Fragments that do nothing but spread the next one; no document needs it, and it would use up the stack.
_MAXIMUM_SPREADS = 100

# Everything that is looked at for each operation is looked at in each fragment again.
_MAXIMUM_OPERATIONS = 50
_MAXIMUM_FRAGMENTS = 250

# Each error of a document tells its line, and counts all lines before it.
_MAXIMUM_LINES = 20_000
_LINE_ENDS = re.compile(r"[\r\n]")

MOST_PARTS = 20_000
"""Of the filters and other objects that a variable holds, in all."""

DEEPEST_PARTS = 200
"""Objects and lists within each other in a variable, as in a document: the walk over them is recursive."""

LARGEST_TOLD = 2**53 - 1
"""What is beyond is told as this: JSON has no larger whole number that all clients read (RFC 8259, 6)."""

# Python refuses to convert 4,300 digits; no number of ours has more than these.
_MAXIMUM_DIGITS = 400
_MANY_DIGITS = re.compile(rf"\d{{{_MAXIMUM_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an operation. `cost` is in rows; `tokens` also bounds fields, fragments expanded."""

    depth: int = 20
    aliases: int = 100
    tokens: int = 5_000
    cost: int = 1_000_000


@dataclass(frozen=True, slots=True)
class VariableSize:
    """A page size, or the length of a list of keys, that a variable brings; `default` while it is null."""

    variable: str
    default: "int | VariableSize"


@dataclass(slots=True)
class Rows:
    """The rows that a selection could return: `constant`, and for each product its size times its rows.

    A related table that a filter or an order asks counts as one.
    """

    constant: int = 0
    products: list[tuple[int | VariableSize | Asked, "Rows"]] = field(default_factory=list)

    def add(self, rows: "Rows", size: int | VariableSize | Asked = 1) -> None:
        """Add `size` times `rows`, now if no variable has a say in it."""
        if isinstance(size, int) and not rows.products:
            self.constant += size * rows.constant
        else:
            self.products.append((size, rows))


_ONE_ROW: Final = Rows(1)


@dataclass(frozen=True, slots=True)
class Measure:
    """An operation measured: its deepest field, its aliases with all fragments expanded, its rows."""

    depth: int
    aliases: int
    rows: Rows

    def cost(self, variables: Mapping[str, Any]) -> int:
        """The rows that the operation could return with these variables, each fragment counted once."""
        return _evaluate(self.rows, variables, {}) if self.rows.products else self.rows.constant


def measure(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, limits: Limits
) -> Measure:
    """Measure one operation, or raise `QueryTooComplex` for the limit that it passes.

    Without fragments it has fewer fields than tokens; with all of them expanded it may not have more either,
    since planning and answering it take as long as it is then.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    defaults = {
        definition.variable.name.value: definition.default_value
        for definition in operation.variable_definitions or ()
    }
    walk = _Walk(schema, fragments, defaults, limits)
    part = walk.selection_set(operation.selection_set, schema.get_root_type(operation.operation), 0, 0)
    if part.depth > limits.depth:
        raise _too_deep(limits)
    if part.aliases > limits.aliases:
        raise _too_many("aliases", part.aliases, limits.aliases)
    if part.fields > limits.tokens:
        raise _too_many("fields", part.fields, limits.tokens)
    return Measure(part.depth, part.aliases, part.rows)


def refuse_many_lines(text: str) -> None:
    """`QueryTooComplex` for a text of more lines than a person writes."""
    lines = len(_LINE_ENDS.findall(text))
    if lines > _MAXIMUM_LINES:
        raise QueryTooComplex(
            f"The document has {lines} lines, at most {_MAXIMUM_LINES} are allowed.", limit=_MAXIMUM_LINES
        )


def refuse_many_parts(kind: GraphQLInputType, value: object, variable: str) -> None:
    """Look at the objects of a variable before they are coerced; JSON counts as one.

    Raises: QueryTooComplex for more of them than are looked at one by one, RecursionError when they nest too
    deeply for that.
    """
    parts = 0
    waiting: list[tuple[GraphQLInputType, object, int]] = [(kind, value, 0)]
    while waiting:
        given, value, depth = waiting.pop()
        if depth > DEEPEST_PARTS:
            raise RecursionError
        found = get_nullable_type(given)
        inner: list[tuple[GraphQLInputType, object, int]] = []
        if is_list_type(found) and isinstance(value, list):
            if is_input_object_type(get_named_type(found)):
                parts += len(value)
                inner = (
                    [] if parts > MOST_PARTS else [(found.of_type, element, depth + 1) for element in value]
                )
        elif is_input_object_type(found) and isinstance(value, dict):
            fields = found.fields
            inner = [
                (fields[name].type, member, depth + 1) for name, member in value.items() if name in fields
            ]
            inner = [part for part in inner if is_input_object_type(get_named_type(part[0]))]
            parts += len(inner)
        waiting += inner
        if parts > MOST_PARTS:
            raise QueryTooComplex(
                f"`{variable}` has more than {MOST_PARTS:,} objects; "
                "give many values as one list, such as `in`, or send several requests.",
                field=variable,
                limit=MOST_PARTS,
            )


def refuse_many_definitions(document: DocumentNode) -> None:
    """`QueryTooComplex` for more operations or fragments than one document needs."""
    kinds = Counter(type(definition) for definition in document.definitions)
    for name, kind, limit in (
        ("operations", OperationDefinitionNode, _MAXIMUM_OPERATIONS),
        ("fragments", FragmentDefinitionNode, _MAXIMUM_FRAGMENTS),
    ):
        if kinds[kind] > limit:
            raise QueryTooComplex(
                f"The document has {kinds[kind]} {name}, at most {limit} are allowed.", limit=limit
            )


def refuse_long_numbers(text: str, document: DocumentNode) -> None:
    """`BadInput` for a number of more digits than Python converts, before it is tried."""
    if _MANY_DIGITS.search(text):
        visit(document, _RefuseLongNumbers())


class _RefuseLongNumbers(Visitor):
    """Digits in a text are no number, so it is nodes that are looked at."""

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        """A number as it was written."""
        if len(node.value) > _MAXIMUM_DIGITS:
            raise BadInput(f"A number in the document has more than {_MAXIMUM_DIGITS} digits.")


def check_cost(measured: Measure, variables: Mapping[str, Any], limits: Limits) -> int:
    """The cost in rows, or `QueryTooComplex` when it passes the limit."""
    cost = measured.cost(variables)
    if cost > limits.cost:
        raise QueryTooComplex(
            f"The operation could read {_told(cost)} rows, at most {limits.cost} are allowed; "
            "ask for smaller pages with `first`, nest fewer lists, or filter by fewer relations.",
            cost=_told(cost),
            limit=limits.cost,
        )
    return cost


@dataclass(slots=True)
class _Part:
    """The sums of one selection set. `page_rows` are the rows for each row of the page it is in."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    rows: Rows = field(default_factory=Rows)
    page_rows: Rows = field(default_factory=Rows)

    def absorb(self, part: "_Part") -> None:
        """Add the selections of a fragment at this level."""
        self.depth = max(self.depth, part.depth)
        self.fields += part.fields
        self.aliases += part.aliases
        self.rows.add(part.rows)
        self.page_rows.add(part.page_rows)


class _Walk:
    """One walk over one operation. `depth` and `spreads` count what encloses a selection set."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, ValueNode | None],
        limits: Limits,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults
        self._limits = limits
        self._measured: dict[str, _Part] = {}
        self._entered: set[str] = set()

    def selection_set(
        self, selections: SelectionSetNode, parent: GraphQLCompositeType | None, depth: int, spreads: int
    ) -> _Part:
        if depth > self._limits.depth or spreads > _MAXIMUM_SPREADS:
            raise _too_deep(self._limits)
        part = _Part()
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                self._field(part, selection, parent, depth, spreads)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self._composite(condition.name.value) if condition else parent
                part.absorb(self.selection_set(selection.selection_set, inner, depth, spreads + 1))
            elif isinstance(selection, FragmentSpreadNode):
                part.absorb(self._fragment(selection.name.value, depth, spreads + 1))
        return part

    def _fragment(self, name: str, depth: int, spreads: int) -> _Part:
        measured = self._measured.get(name)
        if measured is not None:
            return measured
        definition = self._fragments.get(name)
        if definition is None or name in self._entered:
            return _Part()  # validation refuses unknown fragments and cycles
        self._entered.add(name)
        condition = self._composite(definition.type_condition.name.value)
        measured = self.selection_set(definition.selection_set, condition, depth, spreads)
        self._measured[name] = measured
        return measured

    def _field(
        self, part: _Part, node: FieldNode, parent: GraphQLCompositeType | None, depth: int, spreads: int
    ) -> None:
        part.fields += 1
        part.aliases += node.alias is not None
        part.depth = max(part.depth, 1)
        name = node.name.value
        definition = self._schema.get_field(parent, name) if parent is not None else None
        if node.arguments and definition is not None:
            literal, variables = asked(node, definition)
            part.rows.constant += literal
            for size in variables:
                part.rows.add(_ONE_ROW, size)
        if node.selection_set is None:
            return
        kind = get_named_type(definition.type) if definition else None
        below = self.selection_set(
            node.selection_set, kind if is_composite_type(kind) else None, depth + 1, spreads
        )
        part.depth = max(part.depth, below.depth + 1)
        part.fields += below.fields
        part.aliases += below.aliases
        if name in ("nodes", "edges") and _is_connection(parent):
            part.page_rows.add(below.rows)
        elif name == "node" and _is_edge(parent):
            part.rows.add(below.rows)
        elif name != "pageInfo":
            each = below.page_rows if _is_connection(kind) else below.rows
            each.constant += 1
            each.constant += _rows_behind(parent, name)
            part.rows.add(each, self._size(node, definition))
            if each is below.page_rows:
                part.rows.add(below.rows)

    def _composite(self, name: str) -> GraphQLCompositeType | None:
        kind = self._schema.get_type(name)
        return kind if is_composite_type(kind) else None

    def _size(self, node: FieldNode, definition: GraphQLField | None) -> int | VariableSize:
        """The number of rows that a field gives for each row it hangs on."""
        if definition is None:
            return 1
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if "first" in definition.args:
            return self._page_size(given.get("first"), given.get("last"))
        if not isinstance(get_nullable_type(definition.type), GraphQLList):
            return 1
        keys = next((name for name, expected in definition.args.items() if _is_list_of_ids(expected)), None)
        if keys is not None:
            return self._length(given.get(keys))
        return 1 if get_named_type(definition.type).name.startswith("__") else DEFAULT_PAGE

    def _page_size(self, *given: ValueNode | None) -> int | VariableSize:
        """The value of `first`, or of `last` while `first` is null: clients send both for either way."""
        size: int | VariableSize = DEFAULT_PAGE
        for value in reversed(given):
            if isinstance(value, VariableNode):
                name = value.name.value
                size = VariableSize(name, _literal_page(self._defaults.get(name), size))
            else:
                size = _literal_page(value, size)
        return size

    def _length(self, value: ValueNode | None) -> int | VariableSize:
        if isinstance(value, VariableNode):
            return VariableSize(value.name.value, MAXIMUM_PAGE)
        return len(value.values) if isinstance(value, ListValueNode) else 1


def _literal_page(value: ValueNode | None, otherwise: int | VariableSize) -> int | VariableSize:
    if not isinstance(value, IntValueNode):
        return otherwise
    # Validation refuses a number of many digits; converting it here could take long.
    return _bounded(int(value.value)) if len(value.value) < 10 else MAXIMUM_PAGE


def _bounded(size: int) -> int:
    return min(max(size, 0), MAXIMUM_PAGE)


def _is_list_of_ids(argument: GraphQLArgument) -> bool:
    is_list = isinstance(get_nullable_type(argument.type), GraphQLList)
    return is_list and get_named_type(argument.type) is GraphQLID


def _is_connection(kind: GraphQLNamedType | None) -> TypeGuard[GraphQLObjectType]:
    return isinstance(kind, GraphQLObjectType) and "pageInfo" in kind.fields


def _rows_behind(parent: GraphQLCompositeType | None, name: str) -> int:
    """The rows that an object of figures reads or sorts beside itself, for each row it hangs on."""
    if name == PERCENTILE:
        return ROWS_SORTED
    return 0 if parent is None else ROWS_READ.get((parent.name, name), 0)


def _is_edge(kind: GraphQLNamedType | None) -> bool:
    return isinstance(kind, GraphQLObjectType) and {"node", "cursor"} <= kind.fields.keys()


def _evaluate(rows: Rows, variables: Mapping[str, Any], known: dict[int, int]) -> int:
    """The rows with the sizes that the variables give; `known` holds what fragments came to, by identity."""
    total = known.get(id(rows))
    if total is None:
        total = rows.constant
        for size, below in rows.products:
            total += _resolve(size, variables) * _evaluate(below, variables, known)
        known[id(rows)] = total
    return total


def _resolve(size: int | VariableSize | Asked, variables: Mapping[str, Any]) -> int:
    if isinstance(size, int):
        return size
    if isinstance(size, Asked):
        return size.count(variables)
    value = variables.get(size.variable)
    if isinstance(value, list):
        return len(value)
    return _bounded(value) if isinstance(value, int) else _resolve(size.default, variables)


def _told(count: int) -> int:
    return min(count, LARGEST_TOLD)


def _too_many(name: str, count: int, limit: int) -> QueryTooComplex:
    details: dict[str, Any] = {name: _told(count), "limit": limit}
    return QueryTooComplex(
        f"The operation has {_told(count)} {name}, at most {limit} are allowed; "
        "those of a fragment count wherever it is spread.",
        **details,
    )


def _too_deep(limits: Limits) -> QueryTooComplex:
    return QueryTooComplex(
        f"The operation nests deeper than {limits.depth} fields; ask for less in one operation.",
        limit=limits.depth,
    )
