"""Makes the action that a use case takes of a resolver's `info`."""

from typing import Any

import strawberry

from gql.context import Context
from services.writing.action import Action, AnonymousAction

Info = strawberry.Info[Context, Any]


def action_of(info: Info) -> Action:
    """The mutation in the caller's name. Raises: Unauthenticated without an access token."""
    context = info.context
    principal = context.require_principal()
    return Action(context.database, principal, context.origin, info.field_name, context.sealing())


def anonymous_action_of(info: Info) -> AnonymousAction:
    """The mutation without a principal, for those that give access tokens."""
    context = info.context
    return AnonymousAction(context.database, context.origin, info.field_name, context.sealing())
