"""Values of OTLP in its JSON form: attributes are a list of keys with typed values."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.fleet.values import Object, items, objects, whole

_DEEPEST: Final = 20
_MOST_ATTRIBUTES: Final = 2_000


def attributes_of(holder: Object) -> dict[str, Any]:
    """Attributes by their keys."""
    attributes = holder.get("attributes")
    if isinstance(attributes, Mapping):
        return dict(attributes)
    return dict(_pairs(attributes, 0)) if isinstance(attributes, list) else {}


def _pairs(attributes: list[Any], depth: int) -> Iterator[tuple[str, Any]]:
    for attribute in attributes[:_MOST_ATTRIBUTES]:
        if isinstance(attribute, Mapping) and isinstance(attribute.get("key"), str):
            yield attribute["key"], value_of(attribute.get("value"), depth)


def value_of(value: object, depth: int = 0) -> Any:
    """The value in OTLP's `{"stringValue": …}`."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return value if isinstance(value, str | int | float | bool) else None
    for name in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        if name in value:
            return value[name]
    if "intValue" in value:
        told = value["intValue"]
        return whole(told) if whole(told) is not None else told
    if isinstance(listed := value.get("arrayValue"), Mapping):
        return [value_of(item, depth + 1) for item in objects(listed, "values")]
    if isinstance(pairs := value.get("kvlistValue"), Mapping):
        return dict(_pairs(items(pairs, "values"), depth + 1))
    return None
