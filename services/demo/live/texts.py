"""Texts of a live demo fleet, in English and Japanese: tools, messages, questions."""

from dataclasses import dataclass
from typing import Final

from services.demo.seeded_random import Chance
from services.demo.words import Phrase


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of Claude Code: the argument by which it is told, what it answers, and how it fails.

    `{path}`, `{test}` and `{count}` in the texts stand for values that are drawn. `seconds` are how long it
    takes, at least and at most.
    """

    name: str
    argument: str
    value: str
    answers: tuple[str, ...]
    failure: str
    seconds: tuple[float, float]


TOOLS: Final = (
    Tool("Read", "file_path", "{path}", ("{count} lines",), "File does not exist: {path}", (1, 4)),
    Tool("Grep", "pattern", "TODO|FIXME", ("{count} matches in {path}", "No match"), "No pattern", (1, 4)),
    Tool("Edit", "file_path", "{path}", ("{count} lines changed",), "The text was not found in {path}", (2, 6)),
    Tool("Write", "file_path", "{path}", ("{count} lines written",), "{path} has changed since", (2, 6)),
    Tool("Bash", "command", "{test}", ("{count} tests passed",), "Exit code 1: 2 tests failed", (6, 25)),
    Tool("Bash", "command", "git status --short", ("M {path}",), "Not a git repository", (1, 3)),
    Tool("Bash", "command", "git diff --stat", ("{path} | {count} +-",), "Not a git repository", (1, 3)),
    Tool("WebFetch", "url", "https://docs.example.com/{count}", ("{count} paragraphs",), "Answered 503", (3, 9)),
)  # fmt: skip
"""What instances use without asking."""

COMMIT: Final = Tool(
    "Bash",
    "command",
    "git commit -am 'Task done'",
    ("1 file changed, {count} insertions",),
    "Nothing to commit",
    (1, 4),
)
"""What ends a task."""

ASKED_FOR: Final = (
    Tool("Bash", "command", "git push origin HEAD", ("Everything up-to-date",), "Rejected: fetch first", (3, 9)),
    Tool("Bash", "command", "npm install", ("added {count} packages",), "ERESOLVE: no version fits", (8, 20)),
    Tool("Bash", "command", "rm -r build", ("",), "No such file or directory", (1, 3)),
    Tool("Bash", "command", "docker compose up -d", ("Container db-1 Started",), "Port is taken", (4, 12)),
)  # fmt: skip
"""What they ask a person for first."""

MODELS: Final = (
    ("claude-opus-4-5", 5, 25),
    ("claude-sonnet-4-5", 3, 15),
    ("claude-haiku-4-5", 1, 5),
)
"""Models, and the dollars that a million tokens cost, read and written."""

MESSAGES: Final = (
    Phrase("All {count} tests pass; I commit this now.", "テスト{count}件がすべて成功。コミットします。"),
    Phrase("I look at the failing test first.", "まず失敗しているテストを確認します。"),
    Phrase("{path} needs a change in one place.", "{path}は一か所の修正で済みます。"),
    Phrase("The field is named and validated in one place.", "項目の命名と検証を一か所にまとめました。"),
    Phrase("I read the neighbours of {path} before I change it.", "変更の前に{path}の周辺を読みます。"),
)
QUESTION: Final = Phrase("Keep the old column, or drop it?", "古い列を残しますか、削除しますか？")
RETRYING: Final = Phrase("Overloaded (529), attempt {count} of 10", "混雑中 (529)、10回中{count}回目")
PROMPT: Final = Phrase(
    "Split the work in {path} among your agents.", "{path}の作業をエージェントに分担すること。"
)
ASSIGNMENT: Final = Phrase(
    "ultrathink: take tasks of this project until none is left, test each, and commit.",
    "ultrathink: このプロジェクトのタスクを順に取り、それぞれ試験してコミットすること。",
)
HOW_FAR: Final = Phrase("How far is the work? Answer in one line.", "進み具合を一行で答えること。")
SO_FAR: Final = Phrase("{count} done, the rest is under way.", "{count}件が完了、残りは作業中。")
ENOUGH: Final = Phrase("All is done. Commit and stop.", "全工程が完了。コミットして終了すること。")
DONE: Final = Phrase("Done: {name}.", "完了: {name}。")
STUCK: Final = Phrase("Stopped: {name}. The tests fail.", "中断: {name}。テストが失敗した。")
CRASHED: Final = Phrase("The process was killed: out of memory", "メモリ不足でプロセスが終了した")
BEGUN: Final = Phrase("Session started with {model}", "{model}でセッションを開始した")
USED: Final = Phrase("{tool} took {count} ms", "{tool}に{count}ミリ秒かかった")
DENIED: Final = Phrase("The person did not want this tool to be used.", "この操作は許可されなかった。")


def filled(text: str, chance: Chance, path: str, test: str = "") -> str:
    """A text of a tool with its values filled in."""
    return text.format(path=path, test=test, count=chance.between(2, 240))
