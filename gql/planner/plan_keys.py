"""The shape of an operation's variables: all that a plan depends on besides the document and the viewer.

Two sets of variables of the same shape share one plan; their values are its parameters. What decides the
text of the statement is part of the shape by value: page sizes, orders, group keys, booleans (`isNull`,
`@include`), paths into JSON, the tables of node ids, and which values of a cursor are null.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from graphql import (
    SKIP,
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLScalarType,
    ListValueNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    VariableNode,
    Visitor,
    VisitorAction,
    get_named_type,
    get_nullable_type,
    visit,
)

from gql.planner.cursors import nulls_in
from gql.planner.errors import PlanError
from gql.planner.node_ids import split_node_id
from gql.planner.order import Clause
from gql.planner.values import Variables

ABSENT = "absent"
NULL = "null"
VALUE = "value"
BY_VALUE = frozenset({"Boolean", "JSONOrder"})
"""Input types whose values decide the text."""

Shape = tuple[Hashable, ...]
Measure = Callable[[object], Hashable]


@dataclass(frozen=True, slots=True)
class Shaper:
    """Computes the shape of one operation's variables."""

    measures: Mapping[str, Measure]

    def shape(self, variables: Variables) -> Shape:
        """Equal for variables that one plan serves."""
        return tuple(
            [
                measure(variables[name]) if name in variables else ABSENT
                for name, measure in self.measures.items()
            ]
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """How a document uses its variables, found once for all its operations: where, and how often."""

    measures: Mapping[str, Measure]
    times: Mapping[str, int]


def find_usage(document: DocumentNode) -> Usage:
    """Walk the document."""
    arguments, uses = _ArgumentFinder(), _VariableCounter()
    visit(document, arguments)
    visit(document, uses)
    return Usage(arguments.found, uses.found)


def build_shaper(
    usage: Usage, operation: OperationDefinitionNode, types: Mapping[str, GraphQLInputType]
) -> Shaper:
    """The shaper for an operation whose variables have these types, of the document with this usage."""
    unplanned = _given_to_mutations_only(usage, operation)
    measures: dict[str, Measure] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name not in unplanned:
            measures[name] = usage.measures.get(name) or _by_type(types[name])
    return Shaper(measures)


def _given_to_mutations_only(usage: Usage, operation: OperationDefinitionNode) -> set[str]:
    """Variables that are nothing but inputs of mutations: the plans of a payload do not depend on them."""
    if operation.operation is not OperationType.MUTATION:
        return set()
    inputs = _VariableCounter()
    for selection in operation.selection_set.selections:
        for argument in (selection.arguments or ()) if isinstance(selection, FieldNode) else ():
            visit(argument, inputs)
    return {name for name, times in inputs.found.items() if usage.times[name] == times}


class _VariableCounter(Visitor):
    """Counts where variables are used; a definition is no use."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def enter_variable_definition(self, *_: object) -> VisitorAction:
        return SKIP

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.found[node.name.value] += 1


class _ArgumentFinder(Visitor):
    """Finds variables that stand in an argument or input field whose name tells how its value matters."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Measure] = {}

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        self._note(ARGUMENTS.get(node.name.value), node.value)

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> None:
        self._note(INPUT_FIELDS.get(node.name.value), node.value)

    def _note(self, measure: Measure | None, value: ValueNode) -> None:
        for inner in value.values if isinstance(value, ListValueNode) else (value,):
            if measure is not None and isinstance(inner, VariableNode):
                self.found[inner.name.value] = measure


def _itself(value: object) -> Hashable:
    return value if isinstance(value, int | None) else repr(value)


def _nulls(cursor: object) -> Hashable:
    if cursor is None:
        return NULL
    try:
        return nulls_in(cursor)
    except PlanError:
        return VALUE


def _node_type(node_id: object) -> Hashable:
    try:
        return split_node_id(node_id, ())[0]
    except PlanError:
        return VALUE


def _node_types(node_ids: object) -> Hashable:
    listed = node_ids if isinstance(node_ids, list | tuple) else [node_ids]
    return (len(listed) > 0, *dict.fromkeys(_node_type(node_id) for node_id in listed))


ARGUMENTS: Mapping[str, Measure] = {
    "first": _itself,
    "last": _itself,
    "maxDepth": _itself,
    "after": _nulls,
    "before": _nulls,
    "nodeId": _node_type,
    "nodeIds": _node_types,
}


INPUT_FIELDS: Mapping[str, Measure] = {"nodeId": _node_type, "at": _itself}


def _by_type(input_type: GraphQLInputType) -> Measure:
    nullable = get_nullable_type(input_type)
    if isinstance(nullable, GraphQLScalarType) and nullable.name not in BY_VALUE:
        return _presence
    return lambda value: _shape(value, input_type)


def _presence(value: object) -> Hashable:
    return NULL if value is None else VALUE


def _shape(value: object, input_type: GraphQLInputType) -> Hashable:
    if value is None:
        return NULL
    named = get_named_type(input_type)
    if named.name in BY_VALUE:
        return repr(value)
    nullable = get_nullable_type(input_type)
    if isinstance(nullable, GraphQLList):
        return _list_shape(value, nullable)
    if isinstance(named, GraphQLInputObjectType) and isinstance(value, Mapping):
        return tuple(
            (name, _node_type(inner) if name == "nodeId" else _shape(inner, named.fields[name].type))
            for name, inner in value.items()
        )
    return value.name if isinstance(value, Clause) else VALUE


def _list_shape(value: object, list_type: "GraphQLList[GraphQLInputType]") -> Hashable:
    elements = value if isinstance(value, list | tuple) else [value]
    shapes = tuple(_shape(element, list_type.of_type) for element in elements)
    # A list of plain values is one parameter, however long.
    return shapes if any(shape not in (VALUE, NULL) for shape in shapes) else VALUE
