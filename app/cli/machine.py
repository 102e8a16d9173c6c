"""The commands of a machine on which Claude Code runs; the server is imported where one needs it."""

from pathlib import Path
from typing import Annotated, Final

import typer

machine = typer.Typer()

PANEL: Final = "Claude Code on this machine (このマシン)"

Project = Annotated[
    Path | None,
    typer.Option(
        help="For the Claude Code of this folder alone, instead of for all projects.",
        file_okay=False,
        exists=True,
    ),
]


@machine.command(rich_help_panel=PANEL)
def connect(
    url: Annotated[
        str | None, typer.Option(help="The server; the one that runs on this machine if absent.")
    ] = None,
    project: Project = None,
    username: Annotated[
        str | None, typer.Option("--username", "--email", help="Whose token: the name to log in with.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with a token of the kind INGEST, instead of logging in; `-` for the standard input.",
            dir_okay=False,
            allow_dash=True,
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(help="Certificates of your own authority (PEM).", dir_okay=False, exists=True),
    ] = None,
    hold: Annotated[
        int,
        typer.Option(
            help="Seconds that a permission request may wait for an answer through ccgraph; 0 for none.",
            min=0,
            max=3600,
        ),
    ] = 0,
    telemetry: Annotated[
        bool,
        typer.Option("--telemetry/--no-telemetry", help="Turn Claude Code's telemetry on, for its costs."),
    ] = True,
    wrap_mcp: Annotated[
        bool,
        typer.Option(
            "--wrap-mcp",
            help="Put `ccgraph mcp-proxy` before the MCP servers of Claude Code, too: what they say is "
            "recorded; with --undo, take it away and leave the rest.",
        ),
    ] = False,
    mcp: Annotated[
        bool,
        typer.Option(
            "--mcp/--no-mcp",
            help="Add ccgraph's own MCP server, by which Claude Code takes work and reports it.",
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take everything out again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before writing.")] = False,
) -> None:
    """Connect the Claude Code of this machine (接続): its hooks and its telemetry go to a server.

    It gets ccgraph's MCP server, too.

    What changes in Claude Code's settings is shown first. Nothing of others is touched; a copy is kept;
    `--undo` takes exactly these entries out again. The token lies in a file that you alone can read.

    On the machine of a running `ccgraph serve` no argument is needed. The password for another server is
    asked for, or read as the first line of the standard input when that is not a terminal.

    ```sh
    ccgraph connect
    ccgraph connect --url https://ccgraph.example.com --username hanako
    ccgraph connect --wrap-mcp
    ccgraph connect --undo
    ```
    """
    from app.cli import connecting

    if undo and wrap_mcp:
        connecting.take_proxies(project, dry_run=dry_run, ask=not yes)
        return
    if undo:
        connecting.disconnect(project, username=username, dry_run=dry_run, ask=not yes)
        return
    connecting.connect(
        connecting.Asked(url, project, username, token_file, ca, hold, telemetry, wrap_mcp, mcp),
        dry_run=dry_run,
        ask=not yes,
    )


@machine.command(rich_help_panel=PANEL)
def disconnect(
    project: Project = None,
    username: Annotated[
        str | None,
        typer.Option(help="Log in to end the token, too, where the server is not on this machine."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before writing.")] = False,
) -> None:
    """Take out of Claude Code's settings what `ccgraph connect` has put in (切断), and remove the token.

    What was changed in the settings meanwhile stays as it is.
    """
    from app.cli import connecting

    connecting.disconnect(project, username=username, dry_run=dry_run, ask=not yes)


@machine.command(rich_help_panel=PANEL)
def doctor(
    project: Project = None,
    wait: Annotated[
        int, typer.Option(help="Seconds to wait for an event of each kind; 0: only look.", min=0, max=3600)
    ] = 60,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look whether everything arrives (診断), and say what to do where it does not.

    Settings, token, server, clocks and versions first; then it waits until an event of each kind has come.

    Exit code 0 when all is well, 1 when something is missing.
    """
    from app.cli import connecting

    connecting.doctor(project, wait, as_json=json)


@machine.command(rich_help_panel=PANEL)
def watch(
    project: Project = None,
    days: Annotated[
        int, typer.Option(help="How many days back transcripts are sent the first time.", min=0, max=3650)
    ] = 30,
    once: Annotated[bool, typer.Option("--once", help="Send what there is, and end.")] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Start it at every login (systemd, launchd), and now.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Start it no more.")] = False,
) -> None:
    """Follow the transcripts of this machine (監視) until SIGTERM or Ctrl-C.

    It sends what is new in them, tells which Claude Code processes live, and sends the hooks that came
    while the server was away.
    """
    from app.cli import watching

    if install or uninstall:
        watching.at_login(start=install)
    else:
        watching.watch(project, days, once=once)


@machine.command("import-transcripts", rich_help_panel=PANEL)
def import_transcripts(
    path: Annotated[Path, typer.Argument(help="A transcript, or a folder with transcripts.", exists=True)],
    project: Project = None,
) -> None:
    """Send transcripts that lie anywhere (取込), such as a copy of `~/.claude/projects`.

    What the server knows already is not sent again. Exit code 1 when lines could not be read.

    ```sh
    ccgraph import-transcripts ~/.claude/projects
    ```
    """
    from app.cli import watching

    watching.import_transcripts(path, project)


@machine.command("mcp-proxy", context_settings={"allow_interspersed_args": False}, rich_help_panel=PANEL)
def mcp_proxy(
    server: Annotated[str, typer.Option(help="What the server is called in the record.", metavar="NAME")],
    instance: Annotated[
        str | None,
        typer.Option(
            help="Key of the instance that speaks, instead of CCGRAPH_INSTANCE; the session of Claude Code "
            "(CLAUDE_CODE_SESSION_ID) if absent.",
            metavar="UUID",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Instead of a program: a server that speaks Streamable HTTP. Its headers are in variables "
            "CCGRAPH_MCP_HEADER_1, ..., each `Name: value`.",
            envvar="CCGRAPH_MCP_URL",
        ),
    ] = None,
    command: Annotated[
        list[str] | None, typer.Argument(help="The MCP server's program, behind `--`.", metavar="COMMAND...")
    ] = None,
) -> None:
    """Run an MCP server on the standard input and output, and record what is said (中継).

    Every byte, signal and exit code passes as it is. A copy goes to the server of `ccgraph connect`; while
    that is away it waits on the disk, and the MCP server never waits for it.

    ```sh
    claude mcp add files -- ccgraph mcp-proxy --server files -- npx -y server-filesystem .
    ```
    """
    if command:
        from app.proxy import command as program

        program.run(server, instance, command)
    if url is None:
        raise typer.BadParameter("give the program of the MCP server behind `--`, or --url.")
    from app.proxy import http

    http.run(server, instance, url)
