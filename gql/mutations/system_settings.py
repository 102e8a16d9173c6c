"""Settings of the server: changeSystemSetting."""

import strawberry
from strawberry import Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of
from gql.scalars import JSON
from gql.types.types import table_type
from services.system import system_settings

SystemSetting = table_type("SystemSetting")


@strawberry.input(description="Which setting is to change, and on which version of it.")
class ChangeSystemSettingInput:
    setting_key: str = strawberry.field(description="Name of the setting.")
    setting_value: JSON = strawberry.field(description="The new value, of the setting's data type.")
    version: int = strawberry.field(description="The version that was read; another one is a CONFLICT.")


@strawberry.type(description="The setting as it is now.")
class ChangeSystemSettingPayload:
    row_id: Private[int]

    @strawberry.field(description="The setting, with its version and previous value.")
    async def system_setting(self, info: Info) -> SystemSetting:  # type: ignore[valid-type]
        return await load_row(info, "SystemSetting", self.row_id)


@strawberry.type
class SettingMutations:
    @strawberry.mutation(
        description="Give a setting another value, as an administrator: its version is raised, its previous "
        "value kept, and of two who change the same version one is refused."
    )
    async def change_system_setting(
        self, info: Info, input: ChangeSystemSettingInput
    ) -> ChangeSystemSettingPayload:
        key = await system_settings.change(
            action_of(info), input.setting_key, input.setting_value, input.version
        )
        return ChangeSystemSettingPayload(row_id=key)
