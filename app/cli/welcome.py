"""The lines that `ccgraph serve` prints for a person who has just started it."""

import json
import shlex
from dataclasses import dataclass, field
from urllib.parse import urlencode

from services.demo import DEMO_USER

FIRST_QUERY = "{ ccInstances(first: 3) { totalCount nodes { name status project { name } } } }"


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """A token of the demo user; the password is None when it was told at an earlier start."""

    token: str = field(repr=False)
    password: str | None = field(repr=False)


def welcome(url: str, login: DemoLogin | None, *, dashboard: bool = True) -> str:
    """The addresses of all pages, the dashboard first; with a login of the demo also a first query.

    The address of the dashboard brings the demo's login along, behind the #, which no browser sends on.
    """
    fragment = ""
    if login is not None and login.password is not None:
        fragment = "#" + urlencode({"username": DEMO_USER, "password": login.password})
    lines = [""]
    if dashboard:
        lines.append(f"  dashboard        {url}/{fragment}")
    lines += [f"  ccgraph serves   {url}/graphql", f"  health           {url}/healthz"]
    if login is not None:
        password = login.password or "the password that was printed when the demo was loaded"
        body = json.dumps({"query": FIRST_QUERY})
        lines += [
            f"  demo login       {DEMO_USER} / {password}",
            "",
            "  A first query (its token is good for a day):",
            "",
            f"curl -s {url}/graphql -H 'content-type: application/json' "
            f"-H 'authorization: Bearer {login.token}' -d {shlex.quote(body)}",
        ]
    return "\n".join([*lines, "", ""])
