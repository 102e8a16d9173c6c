"""Texts of a notification around its own words, in English and in Japanese."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from models.enums import NotificationType


class Language(Enum):
    """Languages of readers."""

    ENGLISH = "en"
    JAPANESE = "ja"


def language_of(preferences: object) -> Language:
    """The language in users.preferences (`language`, or `locale`), such as `ja` or `ja-JP`; else English."""
    if isinstance(preferences, Mapping):
        for name in ("language", "locale"):
            value = preferences.get(name)
            if isinstance(value, str) and value:
                japanese = value.replace("_", "-").lower().split("-")[0] == "ja"
                return Language.JAPANESE if japanese else Language.ENGLISH
    return Language.ENGLISH


_EN, _JA = Language.ENGLISH, Language.JAPANESE

_TEXTS: Final[Mapping[str, Mapping[Language, str]]] = MappingProxyType(
    {
        "open": {_EN: "Open", _JA: "開く"},
        "claude_request": {_EN: "Request from Claude", _JA: "Claude からの依頼"},
        "task_completed": {_EN: "Task completed", _JA: "タスク完了"},
        "error_occurred": {_EN: "Error", _JA: "エラー"},
        "collaboration_invite": {_EN: "Invitation", _JA: "招待"},
        "summary": {_EN: "{count} notifications", _JA: "通知が {count} 件あります"},
        "more": {_EN: "and {count} more", _JA: "ほか {count} 件"},
        "test.title": {_EN: "Test notification", _JA: "テスト通知"},
        "test.text": {
            _EN: "This setting works: notifications of this type arrive here.",
            _JA: "この設定は有効です。この種別の通知はここに届きます。",
        },
        "task.completed.title": {_EN: "Task completed: {name}", _JA: "タスクが完了しました: {name}"},
        "task.completed.text": {
            _EN: "The task “{name}” of the project “{project}” is completed.",
            _JA: "プロジェクト「{project}」のタスク「{name}」が完了しました。",
        },
        "task.failed.title": {_EN: "Task failed: {name}", _JA: "タスクが失敗しました: {name}"},
        "task.failed.text": {
            _EN: "The task “{name}” of the project “{project}” has failed.",
            _JA: "プロジェクト「{project}」のタスク「{name}」が失敗しました。",
        },
        "instance.error.title": {_EN: "Instance in error: {name}", _JA: "インスタンスのエラー: {name}"},
        "instance.error.text": {
            _EN: "The instance “{name}” of the project “{project}” has failed or fallen silent.",
            _JA: "プロジェクト「{project}」のインスタンス「{name}」がエラーになったか、応答していません。",
        },
        "permission.title": {_EN: "Claude asks to use {name}", _JA: "Claude が {name} の許可を求めています"},
        "permission.text": {
            _EN: "Claude Code in the project “{project}” waits for an answer before it uses {name}.",
            _JA: "プロジェクト「{project}」の Claude Code が {name} を使う許可を待っています。",
        },
        "invitation.title": {_EN: "Invitation to {project}", _JA: "{project} への招待"},
        "invitation.text": {
            _EN: "{name} invites you to the project “{project}”.",
            _JA: "{name} さんがプロジェクト「{project}」に招待しています。",
        },
        "join.title": {_EN: "{name} asks to join", _JA: "{name} さんが参加を求めています"},
        "join.text": {
            _EN: "{name} waits for your approval to join the session “{project}”.",
            _JA: "{name} さんがセッション「{project}」への参加の承認を待っています。",
        },
    }
)


def say(key: str, language: Language, **values: object) -> str:
    """The text of this key in the language, its blanks filled."""
    return _TEXTS[key][language].format(**values)


def label(kind: NotificationType, language: Language) -> str:
    """The name of a type of notification."""
    return say(kind.value, language)
