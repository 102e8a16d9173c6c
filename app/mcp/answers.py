"""Answers as the protocol carries them: structure, the same as text, never longer than a model can use."""

import re
from collections.abc import Mapping
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

_LONGEST_SENTENCE: Final = 2_000
_CUT: Final = "… (cut: the resource has all)"

_SPELLINGS: Final = {"ccInstanceId": "instance", "instance.id": "idempotencyKey"}
"""Fields of use cases that tools call otherwise."""

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
    """The result with what a tool answers, long texts in it cut until it fits."""
    structured = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    text = answer.text()
    for longest in _LENGTHS:
        if len(text) + len(orjson.dumps(structured).decode()) < LONGEST - 100:
            break
        structured = _shortened(structured, longest)
        text = _cut(text, max(2_000, 2 * longest))
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structured)


def refused(error: Problem) -> CallToolResult:
    """The result that tells of a problem: the sentence, and what programs read of it in `_meta`."""
    field = _field(error.field)
    sentence = _cut(_VERB.sub(lambda verb: _VERBS[verb[0]], error.message), _LONGEST_SENTENCE)
    place = f" ({field})" if field else ""
    meta: dict[str, Any] = {"ccgraph/code": error.code}
    if field:
        meta["ccgraph/field"] = field
    if error.details:
        meta["ccgraph/details"] = _shortened(dict(error.details), _LENGTHS[2])
    return CallToolResult(
        content=[TextContent(type="text", text=f"{error.code}: {sentence}{place}")], is_error=True, _meta=meta
    )


def misread(error: ValidationError) -> BadInput:
    """What is wrong with the arguments of a call, the first thing."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "missing":
            return BadInput("This must be given.", field=field)
        case "extra_forbidden":
            return BadInput("This tool has no such argument; tools/list shows those it has.", field=field)
    reason = first["msg"].removeprefix("Value error, ")
    return BadInput(f"{reason[:1].upper()}{reason[1:]}.", field=field)


def _field(field: str | None) -> str:
    plain = (field or "").removeprefix("input.").removeprefix("input").removeprefix("rows.0.")
    return _SPELLINGS.get(plain, plain)


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return _cut(value, longest)
    if isinstance(value, list):
        return [_shortened(item, longest) for item in value]
    if isinstance(value, Mapping):
        return {
            name: _whole(inner, longest) if name in JSON_FIELDS else _shortened(inner, longest)
            for name, inner in value.items()
        }
    return value


def _whole(value: Any, longest: int) -> Any:
    """Any JSON: itself, or the beginning of its text where that is long."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return _cut(text, longest) if len(text) > longest else value


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest or (text.endswith(_CUT) and len(text) <= longest + len(_CUT)):
        return text
    return text.removesuffix(_CUT)[:longest] + _CUT
