"""One module per noun; a resolver is a few lines around a service."""

from strawberry.tools import merge_types

from gql.mutations.mcp import McpMutations

Mutation = merge_types("Mutation", (McpMutations,))
"""Each module defines one class of mutations; its name is added here."""
