"""JSON as COPY takes it: text."""

import orjson


def json_text(value: object) -> str:
    """The value as JSON text, Japanese left as it is."""
    return orjson.dumps(value).decode()
