"""A proxy around MCP servers is put in and taken out again as text, byte for byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connect.json_text import value_at
from app.connect.mcp_servers import PROXY, Wrapped, unwrap, wrap

PROGRAM = "/opt/ccgraph/bin/ccgraph"
PLACE = ("mcpServers",)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
servers = st.fixed_dictionaries(
    {"command": texts},
    optional={
        "args": st.lists(texts, max_size=4),
        "type": st.sampled_from(["stdio", "http", "sse"]),
        "env": st.dictionaries(texts, texts, max_size=2),
        "timeout": st.integers(),
    },
)
remote = st.fixed_dictionaries(
    {"type": st.just("http"), "url": texts, "headers": st.dictionaries(texts, texts, max_size=2)}
)
odd = (
    st.none()
    | st.integers()
    | st.lists(texts, max_size=2)
    | st.fixed_dictionaries({"args": st.none() | texts})
)
configurations = st.fixed_dictionaries(
    {"mcpServers": st.dictionaries(texts, servers | remote | odd, max_size=4)},
    optional={
        "projects": st.dictionaries(texts, st.none() | st.dictionaries(texts, texts, max_size=1), max_size=2)
    },
)
indents = st.sampled_from([None, 1, 2, 4, "\t"])


@given(configurations, indents, st.booleans())
def test_taking_out_gives_the_text_of_before(value: Any, indent: int | str | None, compact: bool) -> None:
    separators = (",", ":") if compact else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators) + "\n"
    once, changed = wrap(text, PROGRAM, [PLACE])
    assert bool(changed) == (once != text)
    assert wrap(once, PROGRAM, [PLACE]) == (once, [])
    kept = [Wrapped.of_json(json.loads(json.dumps(server.as_json()))) for server in changed]
    assert unwrap(once, kept) == text
    assert unwrap(text, kept) == text
    for server in changed:
        before = value["mcpServers"][server.name]
        after = value_at(once, server.place)
        arguments = after["args"]
        assert after["command"] == PROGRAM
        assert arguments[0] == PROXY
        if server.whole is not None:
            headers = [f"{name}: {text}" for name, text in before["headers"].items()]
            assert [*after["env"].values()] == [before["url"], *headers]
            continue
        assert arguments[arguments.index("--") + 1 :] == [before["command"], *before.get("args", [])]
        assert server.name in arguments[1] or server.name == arguments[2]


@pytest.mark.parametrize(
    "server",
    [
        {"type": "http", "url": "https://example.com/mcp"},
        {"type": "sse", "url": "https://example.com/sse"},
        {"command": "ccgraph", "args": ["mcp"]},
        {"command": "/opt/bin/ccgraph", "args": ["mcp-proxy", "--server", "x", "--", "cat"]},
        {"command": ""},
        {"command": []},
        {"command": "cat", "args": "x"},
        {"command": "cat", "args": [[]]},
    ],
)
def test_what_is_no_program_or_needs_no_proxy_is_left(server: dict[str, Any]) -> None:
    text = json.dumps({"mcpServers": {"x": server}})
    assert wrap(text, PROGRAM, [PLACE]) == (text, [])


def test_what_was_changed_behind_the_proxy_stays() -> None:
    given = {"a": {"command": "one", "args": []}, "b": {"command": "two"}, "c": {"command": "three"}}
    text = json.dumps({"mcpServers": given})
    once, changed = wrap(text, PROGRAM, [PLACE])
    value = json.loads(once)
    value["mcpServers"]["a"]["args"] += ["--more"]
    value["mcpServers"]["a"]["env"] = {"A": "B"}
    value["mcpServers"]["b"] = {"command": "another"}
    del value["mcpServers"]["c"]
    assert json.loads(unwrap(json.dumps(value), changed)) == {
        "mcpServers": {
            "a": {"command": "one", "args": ["--more"], "env": {"A": "B"}},
            "b": {"command": "another"},
        }
    }


def test_a_server_behind_http_keeps_what_was_changed() -> None:
    server = {
        "type": "http",
        "url": "https://a.example/mcp?key=1",
        "headers": {"Authorization": "Bearer a:b"},
    }
    text = json.dumps({"mcpServers": {"a": server}})
    once, changed = wrap(text, PROGRAM, [PLACE])
    [entry] = json.loads(once)["mcpServers"].values()
    assert "Bearer" not in json.dumps(entry["args"])
    assert "key=1" not in json.dumps(entry["args"])
    entry["env"]["CCGRAPH_MCP_HEADER_1"] = "Authorization: Bearer c"
    edited = json.dumps({"mcpServers": {"a": entry}})
    server["headers"] = {"Authorization": "Bearer c"}
    assert json.loads(unwrap(edited, changed)) == {"mcpServers": {"a": server}}


@pytest.mark.parametrize("more", [{"headers": {}}, {"oauth": {}}, {"headersHelper": "x"}, {"type": "sse"}])
def test_a_server_that_claude_code_may_log_in_to_is_left(more: dict[str, Any]) -> None:
    server = {"type": "http", "url": "https://a.example/mcp", "headers": {"A": "b"}, **more}
    text = json.dumps({"mcpServers": {"a": server}})
    assert wrap(text, PROGRAM, [PLACE]) == (text, [])


@pytest.mark.parametrize("url", ["https://ccgraph.example.com/mcp", "https://ccgraph.example.com"])
def test_the_server_that_records_is_left(url: str) -> None:
    text = json.dumps({"mcpServers": {"a": {"type": "http", "url": url, "headers": {"A": "b"}}}})
    assert wrap(text, PROGRAM, [PLACE], "https://ccgraph.example.com") == (text, [])
    assert wrap(text, PROGRAM, [PLACE], "https://ccgraph.example.co")[1]
