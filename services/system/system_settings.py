"""Settings of the server, changed on the version that one has read (client §3.5.3, decision 30)."""

from typing import Final

from services.core.database import WriteConnection
from services.core.errors import Conflict
from services.core.principal import Principal
from services.writing.constraints import missing
from services.writing.rows import apply, hold
from services.writing.tables import TABLES
from services.writing.values import parameters, require_text

_TABLE: Final = TABLES["system_settings"]


async def change(
    connection: WriteConnection, principal: Principal, setting_key: str, value: object, version: int
) -> int:
    """Give a setting another value, as an administrator; gives the key of its row.

    `version` is the one that was read: of two writers with the same version one is refused with `Conflict`,
    which tells the version there is. Raises `NotFound`, `Forbidden`, `BadInput` when the value is not of the
    setting's data type, and `Conflict` when it is read-only.
    """
    field = "input.settingKey"
    require_text(setting_key, field)
    found = await connection.exec_driver_sql(
        "SELECT id FROM system_settings WHERE setting_key = $1", (setting_key,)
    )
    key = found.scalar()
    if key is None:
        raise missing(_TABLE.table, field)
    row = await hold(connection, principal, _TABLE, key, field)
    if row["version"] != version:
        raise Conflict(
            f"This setting is at version {row['version']} now; read it again, then change it.",
            field="input.version",
            version=row["version"],
        )
    changes = await parameters(_TABLE, {"setting_value": value}, "input")
    await apply(connection, _TABLE, key, row, changes, "input")
    return int(key)
