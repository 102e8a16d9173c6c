"""Answers as the protocol carries them: structure, the same as text, never longer than a model can use."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError

from app.mcp.call import Problem
from app.mcp.values import JSON_FIELDS, Told
from services.core.errors import BadInput

LONGEST: Final = 10_000
"""Characters of an answer, its structure and its text together."""

_LENGTHS: Final = (4_000, 2_000, 1_000, 500, 250, 120, 60)
"""Characters that a text within an answer may have, tried in this order until the answer fits."""

_ENVELOPE: Final = 400
"""Characters around both: JSON-RPC, and what a revision says of the server."""

_LONGEST_SENTENCE: Final = 2_000
_LONGEST_FIELD: Final = 200
_CUT: Final = "… (cut: the resource has all)"

_SPELLINGS: Final = {
    "ccInstanceId": "instance",
    "id": "instance",
    "instance.id": "idempotencyKey",
    "details": "data",
    "projectId": "project",
}
"""Fields of use cases that tools call otherwise."""

_AROUND: Final = re.compile(r"^(?:(?:input|patch|rows\.0)(?:\.|$))+|^\w+\.(?=after$)")
_KEY_OF_PART: Final = re.compile(r"^tasks\.\d+\.id$")

_A_KEY: Final = "This is a key that another answer gave: a UUID such as 019e7bc3-feb6-785f-88aa-70cb91e31a3f."

_MISREAD: Final = {
    "missing": "This must be given.",
    "dict_type": "This is an object.",
    "list_type": "This is a list.",
    "string_type": "This is a text.",
    "recursion_loop": "This nests too deeply.",
    "uuid_type": _A_KEY,
    "uuid_parsing": _A_KEY,
    "uuid_version": _A_KEY,
    "greater_than_equal": "Give {ge} or more.",
    "less_than_equal": "Give {le} or less.",
    "too_short": "Give {min_length} or more of them.",
    "too_long": "Give {max_length} of them at most: the rest goes into another call.",
    "string_too_short": "Give a text of {min_length} or more characters.",
    "string_too_long": "Give a text of {max_length} characters at most.",
    "string_pattern_mismatch": "Give a text with a letter in it, not blanks alone.",
}
"""What pydantic finds wrong with an argument, in words of JSON, with what it says of the limits."""

_NEXT_STEPS: Final = {
    ("NOT_FOUND", "instance"): "`join_project` registers it.",
    ("NOT_FOUND", "taskId"): "`get_available_tasks` shows those there are.",
}
"""What to do next, by code and argument, where the use case knows no tools."""

_VERBS: Final = {
    "claimTask": "update_task_status with RUNNING",
    "completeTask": "complete_task",
    "failTask": "fail_task",
    "releaseTask": "release_task",
    "reportTaskProgress": "report_progress",
    "claimNextTask": "claim_next_task",
    "createChildCc": "create_child_cc",
}
_VERB: Final = re.compile(r"\b(" + "|".join(_VERBS) + r")\b")


def told(answer: Told) -> CallToolResult:
    """The result with what a tool answers: long texts in it cut until it fits, then rows left out."""
    structured, text = _shortest(answer)
    while not _fits(structured, text) and answer.leave_out():
        structured, text = _shortest(answer)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structured)


def is_whole(answer: Told) -> bool:
    """True if an answer fits without being shortened."""
    return _fits(_structured(answer), answer.text())


def _shortest(answer: Told) -> tuple[dict[str, Any], str]:
    structured, text = _structured(answer), answer.text()
    for longest in _LENGTHS:
        if _fits(structured, text):
            break
        structured = _shortened(structured, longest)
        text = _cut(text, max(2_000, 2 * longest))
    return structured, text


def _structured(answer: Told) -> dict[str, Any]:
    return answer.model_dump(mode="json", by_alias=True, exclude_none=True)


def _fits(structured: dict[str, Any], text: str) -> bool:
    """True if both fit as JSON, with what is around them; clients write a blank after `,` and `:`."""
    written = orjson.dumps(structured).decode()
    blanks = written.count(",") + written.count(":")
    return len(written) + blanks + len(orjson.dumps(text).decode()) < LONGEST - _ENVELOPE


def refused(error: Problem) -> CallToolResult:
    """The result that tells of a problem: the sentence, and what programs read of it in `_meta`."""
    field = _field(error.field)
    sentence = _cut(_VERB.sub(lambda verb: _VERBS[verb[0]], error.message), _LONGEST_SENTENCE)
    if field == "idempotencyKey":
        sentence = sentence.replace("a new UUID", "a new one")
    step = _NEXT_STEPS.get((error.code, field))
    if step is not None and step.split("`")[1] not in sentence:
        sentence = f"{sentence} {step}"
    place = f" ({field})" if field else ""
    meta: dict[str, Any] = {"ccgraph/code": error.code}
    if field:
        meta["ccgraph/field"] = field
    if error.details:
        meta["ccgraph/details"] = _shortened(dict(error.details), _LENGTHS[2])
    return CallToolResult(
        content=[TextContent(type="text", text=f"{error.code}: {sentence}{place}")], is_error=True, _meta=meta
    )


def misread(error: ValidationError, taken: Iterable[str]) -> BadInput:
    """The first error in the arguments of a call; `taken` are the arguments that the tool has."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        if len(first["loc"]) > 1:
            return BadInput("There is no such field here; the schema of the tool shows which.", field=field)
        return BadInput(f"This tool has no such argument; it has {', '.join(taken)}.", field=field)
    known = _MISREAD.get(first["type"])
    if known is not None:
        return BadInput(known.format(**first.get("ctx", {})), field=field)
    reason = first["msg"].removeprefix("Value error, ")
    return BadInput(f"{reason[:1].upper()}{reason[1:]}.", field=field)


def _field(field: str | None) -> str:
    """The argument of the tool that a field of a use case or query stands for."""
    plain = _KEY_OF_PART.sub("idempotencyKey", _AROUND.sub("", field or ""))
    return _cut_plainly(_SPELLINGS.get(plain, plain))


def _cut_plainly(text: str) -> str:
    return text if len(text) <= _LONGEST_FIELD else text[:_LONGEST_FIELD] + "…"


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return _cut(value, longest)
    if isinstance(value, list):
        return [_shortened(item, longest) for item in value]
    if isinstance(value, Mapping):
        return {name: _part(name, inner, longest) for name, inner in value.items()}
    return value


def _part(name: str, value: Any, longest: int) -> Any:
    if name == "next":
        return value  # a cursor is good as a whole only
    return _whole(value, longest) if name in JSON_FIELDS else _shortened(value, longest)


def _whole(value: Any, longest: int) -> Any:
    """Any JSON: itself, or the beginning of its text where that is long."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return _cut(text, longest) if len(text) > longest else value


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest or (text.endswith(_CUT) and len(text) <= longest + len(_CUT)):
        return text
    return text.removesuffix(_CUT)[:longest] + _CUT
