"""Inputs and outputs of tools: models whose JSON schemas clients are given."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    PrivateAttr,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from models.enums import TaskType

PAGE: Final = 20
"""Rows in one answer."""


class Given(BaseModel):
    """Arguments of a tool. A name that is not known is refused: what it says would be lost."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Told(BaseModel):
    """What a tool answers. `text` says the same in a few lines.

    Where an answer has a structure some clients, such as Claude Code, show a model nothing else.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    hint: Annotated[str | None, Field(description="What to do next.")] = None

    def text(self) -> str:
        """The same for people and for clients that read no structure."""
        raise NotImplementedError

    def leave_out(self) -> bool:
        """Leave something out that is told elsewhere; False where nothing is left to leave out."""
        return False


_MORE: Final = "There are more: ask again with `after` = `next`."


class Listed(Told):
    """A page of rows; those that do not fit into one answer are left for the next one."""

    next: str | None = None
    _cursors: list[str] = PrivateAttr(default_factory=list)

    def rows(self) -> list[Any]:
        """The rows of the page."""
        raise NotImplementedError

    def paged(self, connection: dict[str, Any]) -> Self:
        """Itself, with the places of its rows, of which `connection` has edges and page info."""
        self._cursors = [edge["cursor"] for edge in connection["edges"]]
        if connection["pageInfo"]["hasNextPage"]:
            self.next, self.hint = connection["pageInfo"]["endCursor"], _MORE
        return self

    def leave_out(self) -> bool:
        """Leave the last rows out."""
        rows = self.rows()
        if len(rows) <= 1:
            return False
        del rows[-max(1, len(rows) // 5) :]
        self.next, self.hint = self._cursors[len(rows) - 1], _MORE
        return True


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class ByName:
    """Lets a closed list be given by the names that the API has for its values, in either case."""

    choices: type[Enum]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema by which pydantic validates."""
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema that clients are shown."""
        return {"type": "string", "enum": [choice.name for choice in self.choices]}

    def _read(self, value: object) -> Enum:
        name = value.upper() if isinstance(value, str) else ""
        if name not in self.choices.__members__:
            raise ValueError(f"this is one of {', '.join(self.choices.__members__)}")
        return self.choices[name]


def _no_text(value: object) -> object:
    """A whole number is given as one. Raises: ValueError for a text or truth value that says the same."""
    if isinstance(value, bool | str):
        raise ValueError("this is a whole number")  # noqa: TRY004 - of which pydantic makes its own error
    return value


WHOLE: Final = BeforeValidator(_no_text)
"""Behind the bounds of a whole number: which may be written as a decimal number, and as nothing else."""

Kind = Annotated[TaskType, ByName(TaskType)]
Instance = Annotated[
    UUID | None,
    Field(description="Instance you work as. Leave it out where `ccgraph mcp` or a header names it."),
]
Cursor = Annotated[str | None, Field(description="`next` of the answer before, to go on from there.")]
VISIBLE = r"\S"
"""The pattern of a name: one letter at least that is no blank."""

Key = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=255,
        description="A text of your choice: a call that is repeated with it makes nothing twice.",
    ),
]
LeaseSeconds = Annotated[
    int, Field(ge=1, le=86_400, description="Seconds the claim lasts unless it is renewed."), WHOLE
]
Message = Annotated[str | None, Field(description="What there is to say, for the log.")]
Data = JsonValue
"""Any JSON."""

JSON_FIELDS: Final = frozenset({"inputData", "outputData", "data"})
"""Parts of answers that are any JSON, and are shortened as a whole."""


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema (2020-12) of a model, without what repeats the names of its fields."""
    mode = "serialization" if issubclass(model, Told) else "validation"
    schema: dict[str, Any] = _bare(model.model_json_schema(by_alias=True, mode=mode))  # type: ignore[arg-type]
    schema.pop("description", None)
    return schema


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """A value that may be left out: what it is where it is there. Answers leave out what is null."""
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    if len(kinds) != 1 or schema.get("default", False) is not None:
        return schema
    return {**kinds[0], **{name: part for name, part in schema.items() if name not in ("anyOf", "default")}}


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "anyOf" in value:
        value = _present(value)
    return {
        name: {key: _bare(part) for key, part in inner.items()}
        if name in ("properties", "$defs")
        else _bare(inner)
        for name, inner in value.items()
        if not (name == "title" and isinstance(inner, str))
    }
