"""The rules that a document must keep: the specification's, and what this schema needs beside them."""

from typing import Any

from graphql import (
    GraphQLError,
    NonNullTypeNode,
    OperationDefinitionNode,
    ValidationRule,
    get_nullable_type,
    is_input_object_type,
    specified_rules,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

MOST_ERRORS = 10
"""Errors of one document that are told: for each, lines are counted and wrong names compared with all."""

# Fields of the same name are compared each with each; by default this may go on for two seconds.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 100_000


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


RULES = (*specified_rules, MaybeNullValidationRule, OneOfVariables)
