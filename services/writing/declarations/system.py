"""Declarations of the server's settings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from models import SystemSetting, model_prices
from models.enums import SettingDataType
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict
from services.core.json_codec import read_stored, write_stored
from services.writing.declaration import Values, writable

_MOST_DAYS: Final = 36500
_MOST_CHARACTERS: Final = 2**31 - 1

_OF_TYPE: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        SettingDataType.STRING: (str,),
        SettingDataType.NUMBER: (int, float),
        SettingDataType.BOOLEAN: (bool,),
        SettingDataType.ARRAY: (list,),
        SettingDataType.JSON: (object,),
    }
)


def _require_data_type(value: object, data_type: str, prefix: str) -> None:
    fits = isinstance(value, _OF_TYPE[data_type])
    if not fits or (isinstance(value, bool) and data_type == SettingDataType.NUMBER):
        raise BadInput(
            f"The value of this setting is of the type {data_type}.", field=f"{prefix}.settingValue"
        )


def _require_figure(key: str, value: object, prefix: str) -> None:
    """`BadInput` for a retention that is no figure, or with which maintenance would remove what is new."""
    if not key.startswith("retention."):
        return
    most = _MOST_DAYS if key.endswith("_days") else _MOST_CHARACTERS
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 or not 0 <= value <= most:
        raise BadInput(f"A retention is a whole number between 0 and {most}.", field=f"{prefix}.settingValue")


def _require_prices(key: str, value: object, prefix: str) -> None:
    """`BadInput` for a table of prices by which no cost can be estimated."""
    if key != model_prices.SETTING:
        return
    try:
        model_prices.read_prices(value)
    except ValueError as trouble:
        raise BadInput(str(trouble), field=f"{prefix}.settingValue") from None


async def _setting_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    data_type = values.get("data_type") or SettingDataType.JSON
    value = read_stored(values["setting_value"])
    _require_data_type(value, data_type, prefix)
    _require_figure(values["setting_key"], value, prefix)
    _require_prices(values["setting_key"], value, prefix)


async def _setting_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """Each change raises the version and is signed; the value before it is kept (decision 30)."""
    if not changes:
        return
    if row["is_readonly"]:
        raise Conflict("This setting is read-only.", field=prefix)
    value = read_stored(changes["setting_value"]) if "setting_value" in changes else row["setting_value"]
    _require_data_type(value, changes.get("data_type", row["data_type"]) or SettingDataType.JSON, prefix)
    if "setting_value" in changes:
        _require_figure(row["setting_key"], value, prefix)
        _require_prices(row["setting_key"], value, prefix)
    if "setting_value" in changes:
        changes["previous_value"] = write_stored(row["setting_value"]).decode()
    changes["version"] = (row["version"] or 0) + 1
    actor = await connection.exec_driver_sql(
        "SELECT NULLIF(current_setting('ccgraph.actor_id', true), '')::integer"
    )
    changes["updated_by"] = actor.scalar()


def _setting_deleted(row: Mapping[str, Any], field: str) -> None:
    if row["is_readonly"]:
        raise Conflict("This setting is read-only.", field=field)


SYSTEM_SETTINGS: Final = writable(
    SystemSetting,
    before_create=_setting_created,
    before_update=_setting_changed,
    before_delete=_setting_deleted,
)
