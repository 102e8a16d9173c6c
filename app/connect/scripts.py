"""The programs that Claude Code runs: they need a shell and curl, and nothing of ccgraph."""

import json
import shlex
from typing import Final

from app.connect.connection import Folder, Server

PATHS: Final = {
    "hooks": "/ingest/claude-code/hooks",
    "transcripts": "/ingest/claude-code/transcripts",
    "processes": "/ingest/claude-code/processes",
    "mcp": "/ingest/mcp",
    "recent": "/ingest/claude-code/recent",
}

CONNECT_TIMEOUT: Final = 1.0
ANSWER_TIMEOUT: Final = 1.8
"""Seconds; in sum less than Claude Code waits."""
MOST_SPOOLED_KIB: Final = 65_536
"""What may wait on the disk; hooks beyond it are given up."""

_HOOK: Final = """\
#!/bin/sh
# Sends what Claude Code tells its hooks to ccgraph. It says nothing and never fails: the work goes on.
# A hook that could not be sent stays in spool/ until `ccgraph watch`, or a later hook, sends it.
umask 077
exec 2>/dev/null
cd {here}/spool || {{ cat >/dev/null; exit 0; }}
cd ..
# The name goes along: where the answer is lost, the server knows what is sent again for the same.
name=$$.$(date +%s)
case "$1" in
hold) event=spool/hold.$name limit={hold} ;;
*) event=spool/hook.$name limit={limit} ;; # also `ask`: a permission for whose answer nothing waits
esac
while [ -e "$event" ]; do event=$event.$$; done
answer=/dev/null
[ "$1" = hold ] && answer=$event.answer
# Read first: what cannot be written down, as on a full disk, is sent all the same.
hook=$(cat)
send=@$event
(printf '%s\n' "$hook" >"$event") || {{ rm -f "$event"; send=@-; }}
status=000 uploaded=0
if [ ! -e away ] || [ -z "$(find away -mmin -1)" ]; then
  told=$({{ [ "$send" != @- ] || printf '%s\n' "$hook"; }} | curl -q --config curl --max-time "$limit" \
    --header "CCGraph-Hook: ${{event#spool/}}" --output "$answer" --data-binary "$send")
  status=${{told%% *}} uploaded=${{told#* }}
fi
# A permission request is held open by the server, which is there although no answer came.
[ "$status$1" = 000hold ] || [ "$status$1" = 000ask ] && [ "${{uploaded:-0}}" != 0 ] && status=open
case "$status" in
2??)
  rm -f "$event"
  if [ "$answer" != /dev/null ]; then
    [ "$status" = 200 ] && cat "$answer"
    rm -f "$answer"
  fi
  if [ -e away ]; then
    rm -f away
    ({send}) >/dev/null </dev/null &
  fi
  ;;
open) # It may have been stored, or not: it is sent again after the next hook, under its name.
  touch -t 200001010000 away
  rm -f "$event.answer"
  ;;
400 | 413) rm -f "$event" "$event.answer" ;;
*)
  : >away
  rm -f "$event.answer"
  used=$(du -sk spool | cut -f1)
  [ "${{used:-0}}" -lt {most} ] || rm -f "$event"
  ;;
esac
exit 0
"""

_HEADERS: Final = """\
#!/bin/sh
# Tells Claude Code's telemetry the token of ccgraph.
printf '{{"Authorization": "Bearer %s"}}\\n' "$(cat {token})"
"""


def hook(folder: Folder, hold: int, python: str) -> str:
    """The text of the hook's program; `python` sends what waits once the server is back."""
    send = f"{shlex.quote(python)} -m app.connect.spool {shlex.quote(str(folder.path))}"
    return _HOOK.format(
        here=shlex.quote(str(folder.path)),
        hold=max(hold, 1),
        limit=ANSWER_TIMEOUT,
        send=send,
        most=MOST_SPOOLED_KIB,
    )


def headers(folder: Folder) -> str:
    """The text of the program that gives telemetry its token."""
    return _HEADERS.format(token=shlex.quote(str(folder.token)))


def requests(server: Server, token: str) -> str:
    """The configuration with which curl sends a hook; it holds the token."""
    lines = [
        f"url = {_quoted(server.url + PATHS['hooks'])}",
        f"header = {_quoted('Authorization: Bearer ' + token)}",
        'header = "Content-Type: application/json"',
        'header = "Expect:"',
        'user-agent = "ccgraph-hook"',
        "silent",
        f"connect-timeout = {CONNECT_TIMEOUT}",
        'write-out = "%{http_code} %{size_upload}"',
        'noproxy = "localhost,127.0.0.1,::1"' if _is_here(server.url) else "",
        f"cacert = {_quoted(server.ca)}" if server.ca else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _is_here(url: str) -> bool:
    return url.split("://", 1)[-1].split("/")[0].rsplit(":", 1)[0] in ("localhost", "127.0.0.1", "[::1]")
