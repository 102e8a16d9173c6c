"""Encrypted values, shown on request: each time leaves an audit row."""

from uuid import UUID

import strawberry

from gql.mutations.action import Info, action_of
from gql.scalars import JSON
from services.writing.table_actions import reveal_column, reveal_row


@strawberry.input(description="Which project is meant.")
class RevealProjectEnvironmentInput:
    id: int = strawberry.field(description="Key of the project.")


@strawberry.input(description="Which instance is meant.")
class RevealCcInstanceEnvironmentInput:
    id: UUID = strawberry.field(description="Key of the instance.")


@strawberry.input(description="Which notification setting is meant.")
class RevealWebhookSecretInput:
    id: int = strawberry.field(description="Key of the setting.")


@strawberry.input(description="Which notification setting is meant.")
class RevealServiceConfigInput:
    id: int = strawberry.field(description="Key of the setting.")


@strawberry.input(description="Which notification setting is meant.")
class RevealWebhookHeadersInput:
    id: int = strawberry.field(description="Key of the setting.")


@strawberry.input(description="Which notification setting is meant.")
class RevealPushSubscriptionInput:
    id: int = strawberry.field(description="Key of the setting.")


@strawberry.input(description="Which task is meant.")
class RevealTaskDataInput:
    id: UUID = strawberry.field(description="Key of the task.")


@strawberry.type(description="Environment variables in clear.")
class RevealEnvironmentPayload:
    environment_vars: JSON | None = strawberry.field(
        description="An object of texts; null when there is none."
    )


@strawberry.type(description="A secret in clear.")
class RevealWebhookSecretPayload:
    webhook_secret: str | None = strawberry.field(description="The secret; null when there is none.")


@strawberry.type(description="Settings of a notification service in clear.")
class RevealServiceConfigPayload:
    service_config: JSON | None = strawberry.field(description="An object; null when there is none.")


@strawberry.type(description="Further headers of a webhook in clear.")
class RevealWebhookHeadersPayload:
    webhook_headers: JSON | None = strawberry.field(
        description="An object of texts; null when there is none."
    )


@strawberry.type(description="The subscription of a browser in clear.")
class RevealPushSubscriptionPayload:
    push_subscription: JSON | None = strawberry.field(
        description="What the browser gave; null when there is none."
    )


@strawberry.type(description="What a task was given and what came of it, in clear.")
class RevealTaskDataPayload:
    input_data: JSON | None = strawberry.field(description="The whole input; null when there is none.")
    output_data: JSON | None = strawberry.field(description="The whole output; null when there is none.")


@strawberry.type
class SecretMutations:
    @strawberry.mutation(description="The environment variables of a project, for its owner. Leaves a trace.")
    async def reveal_project_environment(
        self, info: Info, input: RevealProjectEnvironmentInput
    ) -> RevealEnvironmentPayload:
        value = await reveal_column(action_of(info), "projects.environment_vars", input.id)
        return RevealEnvironmentPayload(environment_vars=value)

    @strawberry.mutation(description="The environment variables of an instance, for editors. Leaves a trace.")
    async def reveal_cc_instance_environment(
        self, info: Info, input: RevealCcInstanceEnvironmentInput
    ) -> RevealEnvironmentPayload:
        value = await reveal_column(action_of(info), "cc_instances.environment_vars", input.id)
        return RevealEnvironmentPayload(environment_vars=value)

    @strawberry.mutation(description="The secret that signs one's own webhooks. Leaves a trace.")
    async def reveal_webhook_secret(
        self, info: Info, input: RevealWebhookSecretInput
    ) -> RevealWebhookSecretPayload:
        value = await reveal_column(action_of(info), "notification_settings.webhook_secret", input.id)
        return RevealWebhookSecretPayload(webhook_secret=value)

    @strawberry.mutation(
        description="The tokens and URLs by which one's own notifications reach a service. Leaves a trace."
    )
    async def reveal_service_config(
        self, info: Info, input: RevealServiceConfigInput
    ) -> RevealServiceConfigPayload:
        value = await reveal_column(action_of(info), "notification_settings.service_config", input.id)
        return RevealServiceConfigPayload(service_config=value)

    @strawberry.mutation(description="The further headers of one's own webhooks. Leaves a trace.")
    async def reveal_webhook_headers(
        self, info: Info, input: RevealWebhookHeadersInput
    ) -> RevealWebhookHeadersPayload:
        value = await reveal_column(action_of(info), "notification_settings.webhook_headers", input.id)
        return RevealWebhookHeadersPayload(webhook_headers=value)

    @strawberry.mutation(description="The subscription of one's own browser. Leaves a trace.")
    async def reveal_push_subscription(
        self, info: Info, input: RevealPushSubscriptionInput
    ) -> RevealPushSubscriptionPayload:
        value = await reveal_column(action_of(info), "notification_settings.push_subscription", input.id)
        return RevealPushSubscriptionPayload(push_subscription=value)

    @strawberry.mutation(
        description="The input and output of a task with their sensitive parts, for editors. Leaves a trace."
    )
    async def reveal_task_data(self, info: Info, input: RevealTaskDataInput) -> RevealTaskDataPayload:
        shown = await reveal_row(action_of(info), "tasks", input.id)
        return RevealTaskDataPayload(input_data=shown["input_data"], output_data=shown["output_data"])
