"""Variables that may be null by their type, and stand where null may not be (GraphQL, 5.8.5 and 6.4.1).

A default, of the variable or of the place, lets a nullable variable stand at a non-null place. A request that
gives null all the same is refused before anything runs, whether the place would be reached or not.
"""

from graphql import (
    DocumentNode,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeInfo,
    ValidationContext,
    is_non_null_type,
)


def never_null(schema: GraphQLSchema, document: DocumentNode) -> dict[int, frozenset[str]]:
    """The nullable variables that a non-null place uses, by the identity of each operation's node."""
    context = ValidationContext(schema, document, TypeInfo(schema), lambda _: None)
    return {
        id(node): _used_where_null_may_not_be(context, node)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }


def _used_where_null_may_not_be(
    context: ValidationContext, operation: OperationDefinitionNode
) -> frozenset[str]:
    nullable = {
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if not isinstance(definition.type, NonNullTypeNode)
    }
    if not nullable:
        return frozenset()
    return frozenset(
        usage.node.name.value
        for usage in context.get_recursive_variable_usages(operation)
        if usage.node.name.value in nullable and is_non_null_type(usage.type)
    )
