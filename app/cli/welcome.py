"""What `ccgraph serve` tells a person who has just started it."""

import json
import shlex

from services.demo import DEMO_USER, PASSWORD

FIRST_QUERY = "{ ccInstances(first: 3) { totalCount nodes { name status project { name } } } }"


def welcome(url: str, token: str | None) -> str:
    """Where the API is; with a token for the demo user also its login and a first query to paste."""
    lines = ["", f"  ccgraph serves   {url}/graphql", f"  health           {url}/healthz"]
    if token is not None:
        body = json.dumps({"query": FIRST_QUERY})
        lines += [
            f"  demo login       {DEMO_USER} / {PASSWORD}",
            "",
            "  A first query (its token is good for a day):",
            "",
            f"curl -s {url}/graphql -H 'content-type: application/json' "
            f"-H 'authorization: Bearer {token}' -d {shlex.quote(body)}",
        ]
    return "\n".join([*lines, "", ""])
