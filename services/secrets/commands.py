"""Masks passwords in command lines whose flags have no telling names: `mysql -p...`, `curl -u user:...`."""

import re
from collections.abc import Sequence
from typing import Final

from services.secrets.stems import any_of
from services.secrets.values import MASK, is_placeholder

_VALUE: Final = r"(?:\"(?:[^\"\\\n]|\\.){0,2000}\"|'[^'\n]{0,2000}'|[^\s\"'|;&<>`)]{1,2000})"

_SEPARATE: Final = {
    "-p": "docker podman buildah skopeo helm oras crane nerdctl mongosh mongo mongodump mongorestore"
    " mongoexport mongoimport sshpass az rdesktop twine cqlsh ctr regctl influx bw mcli pscp plink",
    "-a": "redis-cli valkey-cli keydb-cli",
    "-w": "ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami",
    "-P": "zip unzip sqlcmd bcp mosquitto_pub mosquitto_sub ipmitool osql isql 7zip",
    "-A": "snmpwalk snmpget snmpset snmpbulkwalk snmptrap",
    "-X": "snmpwalk snmpget snmpset snmpbulkwalk snmptrap",
    "-k": "openssl",
    "-K": "openssl",
}
"""By flag, the programs that take a password after it."""

_ATTACHED: Final = {
    "-p": "mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlsh mariadb mariadb-dump"
    " mariadb-admin sshpass 7z 7za 7zr rar unrar",
    "-P": "sqlcmd bcp unzip",
    "-a": "redis-cli",
    "/p:": "xfreerdp xfreerdp3 wfreerdp",
    "-w": "ldapsearch ldapadd ldapmodify",
}
"""By flag, the programs that take it in the same word."""

_USER_AND_PASSWORD: Final = {
    "-u": "curl",
    "--user": "curl",
    "-U": "curl",
    "--proxy-user": "curl",
    "-U%": "smbclient rpcclient net smbget",
    "--user%": "smbclient rpcclient",
    "-u:": "http https xh",
    "-a:": "http https xh",
    "-A:": "ab",
}
_COOKIES: Final = ("-b", "--cookie")

_PROGRAMS: Final = sorted(
    {
        program
        for table in (_SEPARATE, _ATTACHED, _USER_AND_PASSWORD)
        for names in table.values()
        for program in names.split()
    },
    key=len,
    reverse=True,
)
_COMMAND: Final = re.compile(
    rf"(?<![\w.-])({'|'.join(map(re.escape, _PROGRAMS))})(?=[ \t])"
    r"((?:[^\n|;&\\]|\\[\s\S]|;(?=\S)|&(?=[\w%=])){1,4000})"
)
_WORDS: Final = re.compile(r"((?:\"(?:[^\"\\\n]|\\.){0,2000}\"|'[^'\n]{0,2000}'|[^\s\"'])+)")
_FLAG: Final = re.compile(
    any_of(f" {name.rstrip('%:')}" for name in (*_SEPARATE, *_ATTACHED, *_USER_AND_PASSWORD, *_COOKIES))
)
"""One of them stands in each command line that the tables tell of."""

_OTHERS: Final = tuple(
    (hint, needs, re.compile(pattern))
    for hint, needs, pattern in (
        (
            "|",
            ("pass", "sudo", "gh auth"),
            rf"((?<![\w.-])(?:echo|printf)[ \t]+(?:-[neE]+[ \t]+)*(?:'%s(?:\\n)?'[ \t]+)?)({_VALUE})"
            r"(?=[ \t]*\|[ \t]*(?:[^\n|]{0,200}--?pass(?:word)?-stdin|sudo[ \t]+(?:-\w+[ \t]+)*-\w*S"
            r"|passwd\b|gh auth))",
        ),
        (
            "chpasswd",
            (),
            r"((?<![\w.-])echo[ \t]+[\"']?[\w.-]+:)([^\s\"']{4,200})"
            r"(?=[\"']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd)",
        ),
        ("pass:", (), r"(?<=pass:)()([^\s\"'|;&:]{4,200})(?=\s|$|[\"'])"),
        ("htpasswd", (), rf"((?<![\w.-])htpasswd[ \t]+-\w*b\w*[ \t]+\S+[ \t]+\S+[ \t]+)({_VALUE})"),
        ("net", ("user",), rf"((?<![\w.-])net[ \t]+user[ \t]+\S+[ \t]+)(?![/*])({_VALUE})"),
        ("vault", ("login",), rf"((?<![\w.-])vault[ \t]+login[ \t]+)(?!-)(?=\S*\d)({_VALUE})"),
        (
            "rabbitmqctl",
            (),
            rf"((?<![\w.-])rabbitmqctl[ \t]+(?:add_user|change_password)[ \t]+\S+[ \t]+)({_VALUE})",
        ),
        (
            "secret",
            ("gh",),
            r"((?<![\w.-])gh[ \t]+secret[ \t]+set[ \t]+\S+[^\n|;&]{0,200}?[ \t](?:--body|-b)[ \t=]+)"
            rf"({_VALUE})",
        ),
        (
            "config",
            (" set", "\tset", "--global", " -g", "\t-g"),
            r"((?<![\w.-])(?:aws|npm|yarn|pnpm|git|gcloud|poetry|pip|composer|bundle|heroku|fly|flyctl|wrangler)"
            r"[ \t]+(?:config|configure)(?:[ \t]+(?:set|--global|-g))+[ \t]+"
            r"\S{0,200}(?:[Tt]oken|[Pp]assword|[Ss]ecret|[Kk]ey|_auth|credential)\S{0,60}[ \t=]+)"
            rf"({_VALUE})",
        ),
        ("wpa_passphrase", (), rf"((?<![\w.-])wpa_passphrase[ \t]+\S+[ \t]+)({_VALUE})"),
        (
            "pass",
            ("storepass", "keypass", "srcpass", "destpass"),
            rf"((?<![\w.-])-(?:store|key|src|dest)(?:store)?pass[ \t]+)({_VALUE})",
        ),
        ("sqlplus", (), r"((?<![\w.-])sqlplus[ \t]+(?:-\w+[ \t]+)*\w+/)([^\s@\"']{3,200})"),
    )
)
"""Other command lines, each with a text that it contains, and some of which it contains one, too."""


def without_command_secrets(text: str) -> str:
    """`text` with the passwords in command lines masked."""
    if " " not in text:
        return text
    if _FLAG.search(text) is not None:
        text = _COMMAND.sub(_command, text)
    for hint, needs, pattern in _OTHERS:
        if hint in text and (not needs or any(need in text for need in needs)):
            text = pattern.sub(_value, text)
    return text


def masked_arguments(arguments: Sequence[object], program: str = "") -> list[object]:
    """A command that is a list, argument by argument; `program` is its name where the list begins without."""
    result = list(arguments)
    at_program = not program and bool(arguments) and isinstance(arguments[0], str)
    name = (program or (str(arguments[0]) if at_program else "")).rpartition("/")[2]
    if name not in _PROGRAMS:
        return result
    for at, argument in enumerate(arguments):
        if not isinstance(argument, str) or not argument.startswith(("-", "/")):
            continue
        following = arguments[at + 1] if at + 1 < len(arguments) else None
        flag, sign, value = argument.partition("=")
        if sign and (hidden := _after(name, flag, value)) is not None:
            result[at] = f"{flag}={hidden}"
            continue
        if isinstance(following, str) and not following.startswith("-"):
            result[at + 1] = _after(name, argument, following) or result[at + 1]
        result[at] = _attached(name, argument) or result[at]
    return result


def _command(found: re.Match[str]) -> str:
    """A command line whose words are masked as the arguments of a list are."""
    program, rest = found.groups()
    pieces = _WORDS.split(rest)  # what is between the words, and the words
    words = [_unquoted(word) for word in pieces[1::2]]
    hidden = masked_arguments(words, program)
    for at, (word, shown) in enumerate(zip(words, hidden, strict=True)):
        if shown != word:
            given = pieces[2 * at + 1]
            quote = given[0] if given[0] in "\"'" else ""
            pieces[2 * at + 1] = f"{quote}{shown}{quote}"
    return program + "".join(pieces)


def _unquoted(word: str) -> str:
    return word.replace('"', "").replace("'", "") if '"' in word or "'" in word else word


def _after(program: str, flag: str, value: str) -> str | None:
    """The text in place of the argument after a flag; None where it is no secret."""
    if is_placeholder(value) or value == MASK:
        return None
    if program == "curl" and flag in _COOKIES:
        return MASK if "=" in value else None
    for name, programs in _USER_AND_PASSWORD.items():
        sign = "%" if name.endswith("%") else ":"
        if name.rstrip("%:") == flag and program in programs.split():
            user, found, password = value.partition(sign)
            hidden = found and password and not is_placeholder(password)
            return f"{user}{sign}{MASK}" if hidden else None
    if program in _SEPARATE.get(flag, "").split():
        if flag == "-p" and re.fullmatch(r"[\d.]+(?::\d+)+(?:/\w+)?", value):
            return None  # ports
        return MASK
    return None


def _attached(program: str, argument: str) -> str | None:
    """A flag and its value in one word; None where it has none that is secret."""
    for flag, programs in _ATTACHED.items():
        value = argument.removeprefix(flag)
        if value != argument and value and program in programs.split():
            plain = value.strip("\"'")
            if is_placeholder(plain) or plain.startswith("-"):
                return None
            return f"{flag}{MASK}"
    return None


def _value(found: re.Match[str]) -> str:
    before, value = found.groups()
    plain = value.strip("\"'")
    if is_placeholder(plain):
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{before}{quote}{MASK}{quote}"
