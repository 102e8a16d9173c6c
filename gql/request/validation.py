"""The rules that a document must keep: the specification's, and what this schema needs beside them."""

from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    ValidationRule,
    get_nullable_type,
    is_input_object_type,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule, OverlappingFieldsCanBeMergedRule

from gql.compat.graphql_core import bound_merging, validation_gave_up
from gql.compat.strawberry_graphql import MaybeNullValidationRule
from gql.request.merging import Conflict, first_conflict
from services.core.errors import QueryTooComplex

MOST_ERRORS = 10
"""Errors of one document that are told: for each, lines are counted and wrong names compared with all."""

# Fields of the same name are compared each with each; by default this may go on for two seconds. It only
# finds the words about a conflict that there is.
bound_merging(100_000)


class OneOfVariables(ValidationRule):
    """A variable for the one field of a @oneOf input must not be nullable (GraphQL, 5.8.5).

    graphql-core's rule overlooks inputs that are themselves required; Strawberry's fails over a fragment that
    stands before the operation.
    """

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: Any) -> None:
        """Look at the variables that the operation uses, also through its fragments."""
        defined = {
            definition.variable.name.value: definition for definition in operation.variable_definitions or ()
        }
        for usage in self.context.get_recursive_variable_usages(operation):
            name = usage.node.name.value
            parent = get_nullable_type(usage.parent_type) if usage.parent_type is not None else None
            if name not in defined or not is_input_object_type(parent) or not parent.is_one_of:
                continue
            if not isinstance(defined[name].type, NonNullTypeNode):
                self.report_error(
                    GraphQLError(
                        f"Variable '${name}' must be non-nullable to be used for OneOf Input '{parent}'.",
                        [defined[name], usage.node],
                    )
                )


RULES = (
    *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
    MaybeNullValidationRule,
    OneOfVariables,
)
"""Without the rule on fields of one name, which `first_conflict` keeps in linear time."""


def invalidities(schema: GraphQLSchema, document: DocumentNode, *, introspection: bool) -> list[GraphQLError]:
    """The errors of a document, at most `MOST_ERRORS` and the word that there are more.

    Raises: QueryTooComplex when graphql-core gives up: its own error says only that validation was aborted.
    """
    conflict = first_conflict(schema, document)
    rules = RULES if conflict is None else (*RULES, OverlappingFieldsCanBeMergedRule)
    errors = validate(
        schema,
        document,
        rules if introspection else (*rules, NoSchemaIntrospectionCustomRule),
        max_errors=MOST_ERRORS,
        hide_suggestions=not introspection,
    )
    if not any(validation_gave_up(error) for error in errors):
        return errors
    if conflict is None:
        raise QueryTooComplex(
            "The operations of the document share fragments so often, or nest them so deeply, that it cannot "
            "be validated; send the operations in documents of their own."
        )
    return [*(error for error in errors if not validation_gave_up(error)), _told(conflict)]


def _told(conflict: Conflict) -> GraphQLError:
    one, other = conflict.one.name.value, conflict.other.name.value
    return GraphQLError(
        f"The fields of the name '{conflict.key}' conflict: one is `{one}` and another `{other}`, or they "
        "differ in arguments or type. Give them different aliases.",
        [conflict.one, conflict.other],
    )
