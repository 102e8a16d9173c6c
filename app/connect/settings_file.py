"""A settings file of Claude Code: read as it is, written whole or not at all."""

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.config.errors import StartupError
from app.connect.json_text import NotJson, parse

PRIVATE: Final = 0o600
_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class SettingsText:
    """The content of a settings file: None when there is no file. `text` is the JSON in it."""

    path: Path
    content: bytes | None
    text: str

    @property
    def mark(self) -> str:
        """The byte order mark that the file begins with, if any."""
        return _MARK if self.content is not None and self.content.startswith(_MARK.encode()) else ""

    def encoded(self, text: str) -> bytes:
        """The file's content with another text."""
        return (self.mark + text).encode("utf-8", "surrogatepass")


def read(path: Path) -> SettingsText:
    """The settings at a path. Raises: StartupError when they are no JSON object; nothing was changed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return SettingsText(path, None, "{}\n")
    except OSError as error:
        raise StartupError(f"{path} cannot be read ({error.strerror}); nothing was changed.") from error
    try:
        text = content.decode().removeprefix(_MARK)
    except UnicodeDecodeError as error:
        raise _refused(path, f"it is not UTF-8 at byte {error.start}") from error
    if not text.strip(" \t\r\n"):
        return SettingsText(path, content, "{}\n")
    require_object(path, text)
    return SettingsText(path, content, text)


def require_object(path: Path, text: str) -> dict[str, Any]:
    """The settings as a value; what Claude Code reads hooks and environment from has the right kind."""
    try:
        value = parse(text)
    except NotJson as error:
        reason = f"{error}"
        if any(line.lstrip().startswith(("//", "/*")) for line in text.splitlines()):
            reason += "; comments are no JSON"
        raise _refused(path, reason) from None
    if not isinstance(value, dict):
        raise _refused(path, "it is not an object")
    for key in ("hooks", "env"):
        if not isinstance(value.get(key, {}), dict):
            raise _refused(path, f"`{key}` is not an object")
    for event, groups in value.get("hooks", {}).items():
        if not isinstance(groups, list):
            raise _refused(path, f"`hooks.{event}` is not a list")
    return value


def write(path: Path, content: bytes, *, expected: bytes | None) -> None:
    """Give a file new content at once, with its mode and owner; a new one is private.

    A link is followed. Raises: StartupError when the file is not what was `expected` any more, or cannot be
    written; it is as it was then.
    """
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _content(target) != expected:
            raise StartupError(
                f"{path} was changed by another program at this moment: run the command again."
            )
        replace(target, content)
    except OSError as error:
        raise StartupError(
            f"{error.filename or path} cannot be written ({error.strerror}); nothing was changed."
        ) from error


def clear(path: Path) -> None:
    """Remove what processes that were killed have left beside a file when they were about to replace it."""
    target = path.resolve()
    left = re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.[0-9a-f]{{8}}")
    with suppress(OSError):
        for other in list(target.parent.iterdir()):
            match = left.fullmatch(other.name)
            if match is not None and not _lives(int(match[1])):
                other.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def replace(target: Path, content: bytes, mode: int | None = None) -> None:
    """Put a file in the place of another, with the other's mode and owner; whole or not at all."""
    new = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        before = target.stat()
    except FileNotFoundError:
        before = None
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                _give(descriptor, before)
            os.fchmod(descriptor, mode or (before.st_mode & 0o7777 if before else PRIVATE))
            file.flush()
            os.fsync(descriptor)
        new.rename(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _give(descriptor: int, before: os.stat_result) -> None:
    """Let a new file belong to whom the old one belonged, as far as this user may."""
    for owner, group in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
        try:
            os.fchown(descriptor, owner, group)
        except PermissionError:
            continue
        return


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _refused(path: Path, reason: str) -> StartupError:
    return StartupError(
        f"{path} is not what Claude Code reads ({reason}): correct it first; nothing was changed."
    )
