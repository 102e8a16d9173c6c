"""The table of docs/configuration.md, as the settings make it; `python -m` writes it into the document."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.config.settings import Settings, variable

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
HEADER = "| Variable | Default | What it is |\n|---|---|---|\n"


def table() -> str:
    """One line for each setting, in the order of the class."""
    lines = [
        f"| `{variable(name)}` | {_default(field.default)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return HEADER + "".join(lines)


def documented() -> str:
    """The table as it stands in the document."""
    text = DOCUMENT.read_text()
    start = text.index(HEADER)
    return text[start : text.index("\n\n", start) + 1]


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    DOCUMENT.write_text(DOCUMENT.read_text().replace(documented(), table()))
