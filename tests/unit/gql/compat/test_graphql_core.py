"""What gql/compat/graphql_core.py relies on: a test that fails says what graphql-core has changed."""

import inspect

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.execute import execute_root_selection_set
from graphql.execution.executor import Executor
from graphql.validation.rules import overlapping_fields_can_be_merged

from gql.compat import graphql_core
from gql.compat.graphql_core import (
    GraphQLVariableSignature,
    Path,
    VariableValues,
    VariableValueSource,
    coerce_default_value,
    get_argument_values,
    get_variable_signature,
    get_variable_values,
    parsing_gave_up,
    validation_gave_up,
)
from gql.execution.executor import FragmentExecutor
from gql.request import validation

SCHEMA = GraphQLSchema(
    GraphQLObjectType(
        "Query",
        {
            "twice": GraphQLField(
                GraphQLInt,
                {"of": GraphQLArgument(GraphQLNonNull(GraphQLInt))},
                resolve=lambda root, info, of: of * 2 + root,
            )
        },
    )
)


def operation(text: str) -> OperationDefinitionNode:
    """The first operation of a document."""
    node = parse(text).definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return node


def names(callable_: object) -> list[str]:
    """The parameters of a function or the fields of a class."""
    return [*inspect.signature(callable_).parameters]  # type: ignore[arg-type]


def test_an_executor_is_made_of_these_and_run_by_one_function() -> None:
    assert names(execute_root_selection_set)[0] == "executor"
    assert names(Executor.__init__)[1:11] == [
        "schema",
        "fragment_definitions",
        "fragments",
        "root_value",
        "context_value",
        "operation",
        "variable_values",
        "field_resolver",
        "type_resolver",
        "subscribe_field_resolver",
    ]
    assert "hide_suggestions" in names(Executor.__init__)
    assert names(FragmentDetails)[0] == "definition"


def test_completing_a_value_is_one_method_of_the_executor_with_these_parameters() -> None:
    assert names(FragmentExecutor.complete_value) == names(Executor.complete_value)


def test_variables_that_are_coerced_run_without_being_coerced_again() -> None:
    node = operation("query($n: Int!) { twice(of: $n) }")
    variables = get_variable_values(SCHEMA, node.variable_definitions or (), {"n": 4})
    assert isinstance(variables, VariableValues)
    assert variables.coerced == {"n": 4}
    result = graphql_core.execute_with_variables(
        FragmentExecutor, SCHEMA, node, {}, variables, 1, None, hide_suggestions=True
    )
    assert not inspect.isawaitable(result)
    assert (result.data, result.errors) == ({"twice": 9}, None)


def test_variables_are_their_sources_and_their_values() -> None:
    node = operation("query($n: Int) { twice(of: $n) }")
    (definition,) = node.variable_definitions or ()
    signature = get_variable_signature(SCHEMA, definition)
    assert isinstance(signature, GraphQLVariableSignature)
    assert (signature.name, signature.type) == ("n", GraphQLInt)
    variables = VariableValues({"n": VariableValueSource(signature, 3)}, {"n": 3})
    field = SCHEMA.query_type.fields["twice"]  # type: ignore[union-attr]
    (selection,) = node.selection_set.selections
    assert get_argument_values(field, selection, variables, hide_suggestions=True) == {"of": 3}  # type: ignore[arg-type]


def test_a_resolver_is_told_these() -> None:
    assert GraphQLResolveInfo._fields == (
        "field_name",
        "field_nodes",
        "return_type",
        "parent_type",
        "path",
        "schema",
        "fragments",
        "root_value",
        "operation",
        "variable_values",
        "context",
        "is_awaitable",
        "abort_signal",
        "async_helpers",
    )
    assert Path._fields == ("prev", "key", "typename")
    assert graphql_core.response_path(("a", "b")).as_list() == ["a", "b"]


def test_a_default_is_a_value_or_undefined() -> None:
    assert coerce_default_value(GraphQLInputField(GraphQLInt)) is Undefined
    assert coerce_default_value(GraphQLInputField(GraphQLInt, default_value=3)) == 3


def test_the_budget_for_comparing_fields_is_a_number_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    assert validation.__name__
    assert overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET == 100_000
    monkeypatch.setattr(overlapping_fields_can_be_merged, "MAX_COMPLEXITY_BUDGET", 5)
    errors = validate(SCHEMA, parse("{" + " twice(of: 1)" * 50 + "}"), specified_rules)
    assert [validation_gave_up(error) for error in errors] == [True]


def test_most_errors_are_no_giving_up() -> None:
    errors = validate(SCHEMA, parse("{ a b c }"), specified_rules, max_errors=1)
    assert len(errors) == 2
    assert not any(validation_gave_up(error) for error in errors)


@pytest.mark.parametrize("text", ["{ a b }", "{ a(b: " + "[" * 500 + "]" * 500 + ") }"])
def test_parsing_gives_up_at_too_many_tokens(text: str) -> None:
    with pytest.raises(GraphQLError) as refusal:
        parse(text, max_tokens=2)
    assert parsing_gave_up(refusal.value)


def test_a_mistake_in_the_syntax_is_no_giving_up() -> None:
    with pytest.raises(GraphQLError) as refusal:
        parse("{", max_tokens=100)
    assert not parsing_gave_up(refusal.value)


def test_an_empty_selection_set_can_be_forbidden() -> None:
    with pytest.raises(GraphQLError):
        parse("{ a {} }", allow_empty_selection_sets=False)
