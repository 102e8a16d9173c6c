"""Settings of the server, changed on the version that one has read (client §3.5.3, decision 30)."""

from typing import Final

from services.core.errors import Conflict
from services.writing.action import Action
from services.writing.constraints import missing
from services.writing.rows import lock_row, write_changes
from services.writing.tables import TABLES
from services.writing.values import parameters, require_text

_TABLE: Final = TABLES["system_settings"]


async def change(action: Action, setting_key: str, value: object, version: int) -> int:
    """Give a setting another value, as an administrator; gives the key of its row.

    `version` is the one that was read: of two writers with the same version one is refused with `Conflict`,
    which tells the version there is. Raises: NotFound, Forbidden, BadInput when the value is not of the
    setting's data type, and Conflict when it is read-only.
    """
    async with action.transaction(settingKey=setting_key, version=version) as transaction:
        field = "input.settingKey"
        require_text(setting_key, field)
        found = await transaction.connection.exec_driver_sql(
            "SELECT id FROM system_settings WHERE setting_key = $1", (setting_key,)
        )
        key = found.scalar()
        if key is None:
            raise missing(_TABLE.table, field)
        row = await lock_row(transaction, _TABLE, key, field)
        if row["version"] != version:
            raise Conflict(
                f"This setting is at version {row['version']} now; read it again, then change it.",
                field="input.version",
                version=row["version"],
            )
        changes = await parameters(_TABLE, {"setting_value": value}, "input", transaction.vault)
        await write_changes(transaction, _TABLE, row, changes, "input")
        return int(key)
