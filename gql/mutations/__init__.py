"""One module per noun; a resolver is a few lines around a service."""

from strawberry.tools import merge_types

from gql.mutations.accounts import AccountMutations
from gql.mutations.collaboration import CollaborationMutations
from gql.mutations.instances import InstanceMutations
from gql.mutations.mcp import McpMutations
from gql.mutations.notifications import NotificationMutations
from gql.mutations.projects import ProjectMutations
from gql.mutations.secrets import SecretMutations
from gql.mutations.sessions import SessionMutations
from gql.mutations.system_settings import SettingMutations
from gql.mutations.tables import TableMutations
from gql.mutations.tasks import TaskMutations
from gql.mutations.tokens import TokenMutations
from gql.mutations.ultrathink import UltrathinkMutations
from gql.mutations.worktrees import WorktreeMutations

Mutation = merge_types(
    "Mutation",
    (
        TokenMutations,
        AccountMutations,
        ProjectMutations,
        WorktreeMutations,
        SettingMutations,
        SessionMutations,
        CollaborationMutations,
        InstanceMutations,
        TaskMutations,
        UltrathinkMutations,
        NotificationMutations,
        McpMutations,
        SecretMutations,
        TableMutations,
    ),
)
"""Each module defines one class of mutations; its name is added here."""
