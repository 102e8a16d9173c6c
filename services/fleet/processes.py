"""Reads which processes live, as `ccgraph watch` tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.fleet.facts import Reading, Witness
from services.fleet.precedence import micros
from services.fleet.telling import Telling
from services.fleet.values import line, moment, objects, text, whole


def read_processes(body: Mapping[str, Any], received_at: datetime) -> Reading:
    """The facts of one look at the processes of a machine; those of unknown sessions are left out."""
    reading = Reading()
    at = min(moment(body.get("at")) or received_at, received_at)
    for state in ("alive", "gone"):
        for process in objects(body, state):
            session = text(process, "session_id")
            if session is None:
                continue
            telling = Telling(reading, Witness.PROCESSES, received_at, session)
            number = whole(process.get("pid"))
            telling.about_instance(
                at, process_id=str(number) if number else None, exit_code=whole(process.get("exit_code"))
            )
            telling.about_session(at, remote=line(text(process, "git_remote"), 500))
            if state == "alive":
                telling.directory(at, process.get("cwd"))
                telling.about_instance(at, alive=micros(at), seen=micros(at))
                telling.about_session(at, seen=micros(at))
            else:
                telling.event(at, "processes gone")
    return reading
