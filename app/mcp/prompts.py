"""Prompts: plan_work and work_loop, in English and Japanese."""

from dataclasses import dataclass
from typing import Final

from mcp_types import GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from app.mcp.texts import text
from services.core.errors import BadInput

LANGUAGES: Final = ("en", "ja")

_LANGUAGE = PromptArgument(name="language", description="en or ja; en when left out.", required=False)


@dataclass(frozen=True, slots=True)
class _Prompt:
    title: str
    description: str
    arguments: tuple[PromptArgument, ...]


_PROMPTS: Final = {
    "plan_work": _Prompt(
        "Plan work",
        "Turn a goal into tasks with dependencies, for others to claim. / "
        "目標を依存関係のあるタスクに分ける。",
        (PromptArgument(name="goal", description="What is to be reached.", required=True), _LANGUAGE),
    ),
    "work_loop": _Prompt(
        "Work through tasks",
        "Claim a task, do it, report, complete it, until nothing is left. / "
        "タスクを取得し、実行し、報告する。",
        (
            PromptArgument(
                name="taskTypes", description="Kinds of work to take, such as TESTING.", required=False
            ),
            _LANGUAGE,
        ),
    ),
}

PROMPTS: Final = [
    Prompt(name=name, title=prompt.title, description=prompt.description, arguments=[*prompt.arguments])
    for name, prompt in _PROMPTS.items()
]


def prompt(name: str, arguments: dict[str, str]) -> GetPromptResult | None:
    """The messages of a prompt; None where there is no such prompt. Raises: BadInput."""
    found = _PROMPTS.get(name)
    if found is None:
        return None
    for argument in found.arguments:
        if argument.required and not arguments.get(argument.name, "").strip():
            raise BadInput("This must be given.", field=argument.name)
    language = arguments.get("language") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise BadInput(f"Prompts are written in {' and '.join(LANGUAGES)}.", field="language")
    kinds = arguments.get("taskTypes", "").strip()
    if kinds:
        kinds = f" Take only tasks of {kinds}." if language == "en" else f" {kinds} のタスクだけを取ること。"
    written = text(f"{name}.{language}.md")
    written = written.replace("{kinds}", kinds).replace("{goal}", arguments.get("goal", ""))
    return GetPromptResult(
        description=found.title,
        messages=[PromptMessage(role="user", content=TextContent(type="text", text=written))],
    )
