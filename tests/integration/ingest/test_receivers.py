"""What is received is stored as it came, masked, for the person of the token; what is bad is told."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
import zstandard
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from starlette.applications import Starlette

from app.config.settings import Settings
from app.main import create_app
from services.ingest.otlp import LARGEST, MOST_RECORDS, MOST_VALUES
from services.ingest.transcripts import MOST_LINES
from tests.integration.ingest.conftest import Person, make_person, send, stored
from tests.support import recordings
from tests.support.hours import hold_the_hour
from tests.support.recordings import PLANTED

Plain: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

HOOKS = "/ingest/claude-code/hooks"
TRANSCRIPTS = "/ingest/claude-code/transcripts"
PROCESSES = "/ingest/claude-code/processes"
RECENT = "/ingest/claude-code/recent"
LOGS = "/v1/logs"
PROTOBUF = "application/x-protobuf"


def log(number: int = 1, **more: Any) -> dict[str, Any]:
    """An export of so many records."""
    record = {"body": {"stringValue": "x"}, "attributes": [], **more}
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record] * number}]}]}


async def test_each_recorded_hook_is_stored_as_it_came_without_its_secrets(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    hooks = recordings.hooks()
    for hook in hooks:
        response = await send(client, alice, HOOKS, hook)
        assert (response.status_code, response.content) == (204, b"")
    rows = await stored(plain, alice)
    assert [row["event"] for row in rows] == [hook["hook_event_name"] for hook in hooks]
    assert [row["session_key"] for row in rows] == [hook["session_id"] for hook in hooks]
    assert {row["source"] for row in rows} == {"hook"}
    assert PLANTED in json.dumps(hooks)
    assert PLANTED not in json.dumps([row["body"] for row in rows])
    for row, hook in zip(rows, hooks, strict=True):
        assert json.dumps(row["body"], sort_keys=True) == json.dumps(hook, sort_keys=True).replace(
            PLANTED, "[masked]"
        )


async def test_each_recorded_export_is_stored_in_json_and_as_protobuf_alike(
    client: httpx.AsyncClient, alice: Person, bob: Person, plain: Plain
) -> None:
    path, body = next(one for one in recordings.exports() if one[0] == LOGS)
    message = json_format.ParseDict(body, ExportLogsServiceRequest())
    as_bytes = message.SerializeToString()
    assert (await send(client, alice, path, body)).json() == {}
    response = await send(
        client, bob, path, gzip.compress(as_bytes), **{"content-type": PROTOBUF, "content-encoding": "gzip"}
    )
    assert (response.status_code, response.headers["content-type"]) == (200, PROTOBUF)
    assert ExportLogsServiceResponse.FromString(response.content) == ExportLogsServiceResponse()
    (mine,), (theirs,) = await stored(plain, alice), await stored(plain, bob)
    assert mine["session_key"] == theirs["session_key"] is not None

    def as_text(value: Any) -> Any:
        """Without zeros and empty lists, which protobuf leaves out, and with numbers as texts."""
        if isinstance(value, dict):
            shown = {name: as_text(item) for name, item in value.items() if item not in (0, [])}
            return {name: str(item) if name == "intValue" else item for name, item in shown.items()}
        return [as_text(item) for item in value] if isinstance(value, list) else value

    def records(row: dict[str, Any]) -> list[Any]:
        return [
            [one["body"], {a["key"]: as_text(a["value"]) for a in one["attributes"]}, one["timeUnixNano"]]
            for resource in row["body"]["resourceLogs"]
            for scope in resource["scopeLogs"]
            for one in scope["logRecords"]
        ]

    def plain_numbers(found: list[Any]) -> str:
        return json.dumps(found, sort_keys=True).replace('{"intValue": "0"}', "{}")

    assert plain_numbers(records(mine)) == plain_numbers(records(theirs))


@pytest.mark.parametrize("at", range(len(recordings.exports())))
async def test_each_recorded_export_is_taken(
    client: httpx.AsyncClient, alice: Person, plain: Plain, at: int
) -> None:
    path, body = recordings.exports()[at]
    response = await send(client, alice, path, body)
    assert (response.status_code, response.json()) == (200, {})
    assert {row["source"] for row in await stored(plain, alice)} == {path.removeprefix("/v1/")}


async def test_ids_in_protobuf_are_stored_in_hexadecimal(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id, record.time_unix_nano = bytes(range(16)), bytes(range(8)), 2**63
    record.attributes.add(key="a").value.int_value = -(2**62)
    record.attributes.add(key="b").value.bytes_value = b"\0\xff"
    record.attributes.add(key="c").value.double_value = float("nan")
    record.body.string_value = "nul \0 inside"
    headers = {"content-type": PROTOBUF}
    assert (await send(client, alice, LOGS, request.SerializeToString(), **headers)).status_code == 200
    ((row),) = await stored(plain, alice)
    assert row["body"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"] == [
        {
            "timeUnixNano": str(2**63),
            "body": {"stringValue": "nul \N{REPLACEMENT CHARACTER} inside"},
            "attributes": [
                {"key": "a", "value": {"intValue": str(-(2**62))}},
                {"key": "b", "value": {"bytesValue": "AP8="}},
                {"key": "c", "value": {"doubleValue": "NaN"}},
            ],
            "traceId": bytes(range(16)).hex(),
            "spanId": bytes(range(8)).hex(),
        }
    ]


async def test_a_transcript_is_stored_line_by_line_and_known_up_to_its_end(
    client: httpx.AsyncClient, alice: Person, bob: Person, plain: Plain
) -> None:
    for file, text in recordings.transcripts().items():
        size = len(text.encode())
        for coding, compress in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
            body = compress(json.dumps({"file": file, "offset": 0, "text": text}).encode())
            response = await send(client, alice, TRANSCRIPTS, body, **{"content-encoding": coding})
            lines = text.count("\n")
            assert response.json() == {"stored": lines, "unreadable": 0, "offset": size}
        known = await client.get(TRANSCRIPTS, params={"file": file}, headers=alice.header)
        assert known.json() == {"offset": size}
        unknown = await client.get(TRANSCRIPTS, params={"file": file}, headers=bob.header)
        assert unknown.json() == {"offset": 0}
        rows = [row for row in await stored(plain, alice) if row["body"]["file"] == file]
        assert rows[0]["body"]["offset"] == 0
        assert {row["session_key"] for row in rows} == {json.loads(text.split("\n")[0])["sessionId"]}
        for row in rows[: len(rows) // 2]:
            offset = row["body"]["offset"]
            assert text.encode()[:offset].endswith(b"\n") or offset == 0
        kept = [line for row in rows[: len(rows) // 2] for line in row["body"]["lines"]]
        assert len(kept) == text.count("\n")


async def test_a_transcript_goes_on_where_it_ended_and_a_gap_is_not_known(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    async def tell(offset: int, text: str) -> dict[str, Any]:
        response = await send(
            client, alice, TRANSCRIPTS, {"file": "p/s.jsonl", "offset": offset, "text": text}
        )
        answer: dict[str, Any] = response.json()
        return answer

    line = '{"a":"é"}\n'  # 11 bytes
    assert await tell(0, line + '{"half') == {"stored": 1, "unreadable": 0, "offset": 11}
    assert await tell(22, line) == {"stored": 1, "unreadable": 0, "offset": 11}
    assert await tell(11, line) == {"stored": 1, "unreadable": 0, "offset": 22}
    told = await tell(22, 'no json\n{"b":1}\n[1]\n\n{"c":2}')
    assert (told["stored"], told["unreadable"], told["offset"]) == (2, 2, 22 + 8 + 8 + 4 + 1 + 7)
    assert "kept as a text" in told["warning"]
    rows = await stored(plain, alice)
    assert rows[-1]["body"] == {
        "file": "p/s.jsonl",
        "offset": 22,
        "lines": ["no json", {"b": 1}, "[1]", "", {"c": 2}],
    }
    # The file was written anew.
    assert (await tell(0, line))["offset"] == 11


async def test_a_spool_brings_hooks_with_their_times_and_bad_ones_leave_their_neighbours(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    now = datetime.now(UTC)
    past, future = now - timedelta(days=3), now + timedelta(hours=2)
    hook = {"hook_event_name": "Stop", "session_id": "s"}
    response = await send(
        client,
        alice,
        HOOKS,
        [
            {"at": past.isoformat(), "hook": hook},
            "no hook",
            {"at": "yesterday", "hook": hook},
            {"at": future.isoformat(), "hook": hook},
            hook,
        ],
    )
    told = response.json()
    assert (told["stored"], told["unreadable"]) == (3, 2)
    assert "Hook 1 was left out" in told["warning"]
    assert "ahead of the server's" in told["warning"]
    rows = await stored(plain, alice)
    assert [row["told_at"] for row in rows] == [past, rows[1]["created_at"], None]
    recent = (await client.get(RECENT, headers=alice.header)).json()
    assert recent["hooks"]["Stop"]["received"] == 3
    assert recent["hooks"]["Stop"]["clock_skew_seconds"] == pytest.approx(7200, abs=5)
    assert recent["sources"]["hook"]["refused"] == 2


async def test_a_hook_keeps_the_name_under_which_it_is_sent_again(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    hook = {"hook_event_name": "Stop", "session_id": "s"}
    name = {"CCGraph-Hook": "hook.1.2"}
    assert (await client.post(HOOKS, json=hook, headers={**alice.header, **name})).status_code == 204
    at = datetime.now(UTC).isoformat()
    await send(client, alice, HOOKS, [{"at": at, "id": "hook.1.2", "hook": hook}])
    long = {"CCGraph-Hook": "x" * 101}
    assert (await client.post(HOOKS, json=hook, headers={**alice.header, **long})).status_code == 204
    rows = await stored(plain, alice)
    assert [row["body"].get("delivery_id") for row in rows] == ["hook.1.2", "hook.1.2", None]


async def test_processes_are_stored_and_a_clock_that_is_wrong_is_told(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    behind = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    body = {"host": "h", "at": behind, "alive": [{"pid": 1, "session_id": "s", "cwd": None}], "gone": []}
    response = await send(client, alice, PROCESSES, body)
    assert "behind the server's" in response.json()["warning"]
    (row,) = await stored(plain, alice)
    assert (row["source"], row["body"]) == ("processes", body)


async def test_recent_tells_of_the_own_hooks_alone(
    client: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    await send(client, alice, HOOKS, {"hook_event_name": "Stop", "session_id": "s"})
    await send(client, alice, LOGS, log(3))
    mine = (await client.get(RECENT, headers=alice.header)).json()
    assert mine["hooks"].keys() == {"Stop"}
    assert mine["sources"]["logs"]["received"] == 3
    assert mine["waiting"]["records"] == 2
    assert mine["failed"] == {"records": 0, "last_error": None}
    theirs = (await client.get(RECENT, headers=bob.header)).json()
    assert (theirs["hooks"], theirs["sources"], theirs["waiting"]["records"]) == ({}, {}, 0)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        (HOOKS, b"{", "not valid JSON"),
        (HOOKS, b"", "not valid JSON"),
        (HOOKS, b"12", "A hook is a JSON object"),
        (HOOKS, b"\xff\xfe", "not valid JSON"),
        (HOOKS, b"[" * 100_000, "not valid JSON"),
        (HOOKS, b'{"a":' * 400 + b"1" + b"}" * 400, "nested too deeply"),
        (TRANSCRIPTS, b"[]", "Send"),
        (TRANSCRIPTS, b'{"file": "/etc/passwd", "offset": 0, "text": ""}', "below the projects folder"),
        (TRANSCRIPTS, b'{"file": "a/../../b", "offset": 0, "text": ""}', "below the projects folder"),
        (TRANSCRIPTS, b'{"file": "a", "offset": -1, "text": ""}', "from 0"),
        (TRANSCRIPTS, b'{"file": "a", "offset": 0}', "`text`, or `lines`"),
        (TRANSCRIPTS, b'{"file": "a", "meta": 1}', "a JSON object"),
        (PROCESSES, b'{"host": "h", "at": "soon"}', "a time"),
        (PROCESSES, b'{"host": "h", "at": "2026-01-01T00:00:00Z", "alive": [1]}', "list of objects"),
        (LOGS, b"[]", "resourceLogs"),
        (LOGS, b'{"resourceLogs": {}}', "resourceLogs"),
    ],
)
async def test_what_is_no_such_body_is_refused_and_nothing_stored(
    client: httpx.AsyncClient, alice: Person, plain: Plain, path: str, body: bytes, sentence: str
) -> None:
    response = await send(client, alice, path, body)
    assert response.status_code == 400
    told = response.json()
    assert sentence in (told["message"] if path == LOGS else told["error"])
    assert await stored(plain, alice) == []


async def test_odd_characters_and_numbers_are_stored_as_well_as_may_be(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    body = (
        rb'{"hook_event_name": "PostToolUse", "session_id": "s", "a\u0000": "x\u0000y", "b": "\ud800z",'
        rb' "c": 1e999, "d": 123456789012345678901234567890.5, "e": NaN, "f": "\\u0000"}'
    )
    assert (await send(client, alice, HOOKS, body)).status_code == 204
    text = await plain.fetchval("SELECT body::text FROM ingest_records")
    assert json.loads(text, parse_float=str) == {
        "hook_event_name": "PostToolUse",
        "session_id": "s",
        "a\N{REPLACEMENT CHARACTER}": "x\N{REPLACEMENT CHARACTER}y",
        "b": "\N{REPLACEMENT CHARACTER}z",
        "c": "1e999",
        "d": "123456789012345678901234567890.5",
        "e": "nan",
        "f": "\\u0000",
    }


async def test_bodies_are_bounded_before_and_after_decompression(
    client: httpx.AsyncClient, app: Starlette, alice: Person, plain: Plain
) -> None:
    most = app.state.settings.ingest_maximum_body
    for coding, compress in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        bomb = compress(b" " * 100_000_000)
        assert len(bomb) < most
        response = await send(client, alice, HOOKS, bomb, **{"content-encoding": coding})
        assert response.status_code == 413
        assert f"{most} bytes, decompressed" in response.json()["error"]
        response = await send(client, alice, HOOKS, bomb[: len(bomb) // 2], **{"content-encoding": coding})
        assert response.status_code in (400, 413)
    response = await send(client, alice, HOOKS, b" " * (most + 1))
    assert response.status_code == 413
    response = await send(client, alice, HOOKS, b"{}", **{"content-encoding": "gzip"})
    assert (response.status_code, response.json()) == (400, {"error": "The body is not valid gzip."})
    response = await send(client, alice, HOOKS, b"{}", **{"content-encoding": "br"})
    assert response.status_code == 415
    assert await stored(plain, alice) == []


async def test_a_record_of_a_million_attributes_is_rejected_and_its_neighbours_are_stored(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.log_records.add().body.string_value = "before"
    scope.log_records.add().attributes.extend(
        [json_format.ParseDict({"key": "a", "value": {"boolValue": True}}, KeyValue())] * 1_000_000
    )
    scope.log_records.add().body.string_value = "behind"
    body = gzip.compress(request.SerializeToString())
    response = await send(client, alice, LOGS, body, **{"content-type": PROTOBUF, "content-encoding": "gzip"})
    assert response.status_code == 413  # more than a body may have
    del scope.log_records[1].attributes[500_000:]
    body = gzip.compress(request.SerializeToString())
    response = await send(client, alice, LOGS, body, **{"content-type": PROTOBUF, "content-encoding": "gzip"})
    partial = ExportLogsServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_log_records == 1
    assert str(MOST_VALUES) in partial.error_message
    (row,) = await stored(plain, alice)
    kept = row["body"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert [one["body"]["stringValue"] for one in kept] == ["before", "behind"]


async def test_records_that_are_none_are_rejected_and_counted_in_json(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    body = log()
    records = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    records += [
        "half a record",
        {"body": {"stringValue": "x" * (LARGEST + 1)}},
        {"attributes": [1] * (MOST_VALUES + 1)},
    ]
    response = await send(client, alice, LOGS, body)
    partial = response.json()["partialSuccess"]
    assert partial["rejectedLogRecords"] == "3"
    assert partial["errorMessage"]
    (row,) = await stored(plain, alice)
    assert row["body"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"] == [records[0]]
    recent = (await client.get(RECENT, headers=alice.header)).json()
    assert recent["sources"]["logs"] | {"last_at": ""} == {
        "received": 1,
        "refused": 3,
        "last_at": "",
        "clock_skew_seconds": None,
    }


async def test_one_request_brings_so_many_records_lines_and_hooks(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    many: Any = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * (MOST_RECORDS + 1)}]}]}
    assert (await send(client, alice, LOGS, many)).status_code == 400
    lines = {"file": "a", "offset": 0, "text": "{}\n" * (MOST_LINES + 1)}
    assert (await send(client, alice, TRANSCRIPTS, lines)).status_code == 400
    assert (await send(client, alice, HOOKS, [{}] * 1_001)).status_code == 400
    assert await stored(plain, alice) == []


async def test_a_record_of_the_future_is_stored_and_its_clock_told(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    ahead = datetime.now(UTC) + timedelta(days=1)
    response = await send(client, alice, LOGS, log(timeUnixNano=str(round(ahead.timestamp() * 1e9))))
    assert "ahead of the server's" in response.json()["partialSuccess"]["errorMessage"]
    assert "rejectedLogRecords" not in response.json()["partialSuccess"]
    assert len(await stored(plain, alice)) == 1


async def test_two_people_with_the_same_session_have_records_of_their_own(
    client: httpx.AsyncClient, alice: Person, bob: Person, plain: Plain
) -> None:
    hook = {"hook_event_name": "Stop", "session_id": "0197a000-0000-7000-8000-000000000000"}
    for person in (alice, bob):
        await send(client, person, HOOKS, hook)
    for person in (alice, bob):
        (row,) = await stored(plain, person)
        assert row["body"] == hook


@pytest.mark.parametrize("path", [HOOKS, TRANSCRIPTS, PROCESSES, LOGS, "/v1/metrics", "/v1/traces", RECENT])
async def test_a_token_of_another_kind_and_none_are_refused_with_a_sentence(
    client: httpx.AsyncClient, alice: Person, plain: Plain, path: str
) -> None:
    for header, sentence in (
        ({"authorization": f"Bearer {alice.access}"}, "Send a token of the kind INGEST"),
        ({"authorization": "Bearer nonsense"}, "not a valid ingest token of this server"),
        ({}, "with an ingest token"),
    ):
        method = "GET" if path == RECENT else "POST"
        given = {"content-type": "application/json", **header}
        response = await client.request(method, path, content=b"{}", headers=given)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        told = response.json()
        assert sentence in (told["message"] if path.startswith("/v1") else told["error"])
    assert await stored(plain, alice) == []


async def test_a_token_that_was_revoked_is_refused(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    await plain.execute("UPDATE auth_tokens SET is_active = false WHERE token_type = 'ingest'")
    response = await send(client, alice, HOOKS, {})
    assert (response.status_code, "was revoked" in response.json()["error"]) == (401, True)


async def test_an_ingest_token_opens_nothing_of_the_api(client: httpx.AsyncClient, alice: Person) -> None:
    response = await client.post("/graphql", json={"query": "{ me { id } }"}, headers=alice.header)
    assert response.status_code == 401
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "can only send records of Claude Code" in error["message"]


async def test_the_mutation_makes_one_and_traces_it(
    client: httpx.AsyncClient, app: Starlette, alice: Person, plain: Plain
) -> None:
    made = await client.post(
        "/graphql",
        json={
            "query": "mutation ($i: CreateAccessTokenInput!) { createAccessToken(input: $i) "
            "{ accessToken authToken { name tokenType } } }",
            "variables": {
                "i": {
                    "name": "laptop",
                    "expiresAt": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
                    "password": "correct horse battery",
                    "kind": "INGEST",
                }
            },
        },
        headers={"authorization": f"Bearer {alice.access}"},
    )
    created = made.json()["data"]["createAccessToken"]
    assert created["authToken"] == {"name": "laptop", "tokenType": "INGEST"}
    header = {"authorization": f"Bearer {created['accessToken']}"}
    assert (await client.post(HOOKS, json={"hook_event_name": "Stop"}, headers=header)).status_code == 204
    assert await plain.fetchval("SELECT count(*) FROM system_logs WHERE message = 'createAccessToken'") == 1


async def test_other_methods_and_paths_are_refused(client: httpx.AsyncClient, alice: Person) -> None:
    wrong = await client.get(HOOKS, headers=alice.header)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (await client.post("/v1/profiles", headers=alice.header)).status_code == 404
    text = {"content-type": "text/plain", **alice.header}
    assert (await client.post(LOGS, content=b"{}", headers=text)).status_code == 415


async def test_a_stranger_name_of_an_event_is_counted_until_there_are_many(
    client: httpx.AsyncClient, alice: Person, plain: Plain
) -> None:
    for first in range(0, 400, 100):
        names = [f"Event{number}" for number in range(first, first + 100)]
        await send(client, alice, HOOKS, [{"hook_event_name": name} for name in [*names, "a b", "x" * 100]])
    assert 200 <= await plain.fetchval("SELECT count(*) FROM ingest_seen") <= 302
    assert await plain.fetchval("SELECT sum(received) FROM ingest_seen") == 408
    assert len(await stored(plain, alice)) == 408


async def test_metadata_only_keeps_neither_prompts_nor_what_tools_get_and_give(
    settings: Settings, plain: Plain
) -> None:
    app = create_app(settings.model_copy(update={"ingest_content": False}))
    async with app.router.lifespan_context(app):
        person = await make_person(app, "carol")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ccgraph.test") as client:
            await send(client, person, HOOKS, recordings.hooks())
            for path, body in recordings.exports():
                assert (await send(client, person, path, body)).status_code == 200
            for file, text in recordings.transcripts().items():
                await send(client, person, TRANSCRIPTS, {"file": file, "offset": 0, "text": text})
    rows = await stored(plain, person)
    everything = json.dumps([row["body"] for row in rows], ensure_ascii=False)
    for secret in (
        "Tidy up the notes",
        "first line",
        "git branch --show-current",
        "最初の行",
        "Do not",
        PLANTED,
    ):
        assert secret not in everything, secret
    hooks = [row["body"] for row in rows if row["source"] == "hook"]
    assert {one["tool_use_id"] for one in hooks if "tool_use_id" in one}
    assert all(one["cwd"].startswith("/") and one["session_id"] for one in hooks)
    lines = [line for row in rows if row["source"] == "transcript" for line in row["body"]["lines"]]
    usage = [line["message"]["usage"] for line in lines if line.get("type") == "assistant"]
    assert usage
    assert all(one["input_tokens"] is not None for one in usage)
    assert {
        block["type"] for line in lines if line["type"] == "assistant" for block in line["message"]["content"]
    } >= {
        "text",
        "tool_use",
    }


async def test_a_person_hands_in_so_much_an_hour_and_others_are_not_counted_with_it(
    settings: Settings, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_the_hour(monkeypatch)
    budget = {"ingest_records_per_hour": 7, "ingest_bytes_per_hour": 10_000}
    app = create_app(settings.model_copy(update=budget))
    async with app.router.lifespan_context(app):
        dora, emil = await make_person(app, "dora"), await make_person(app, "emil")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ccgraph.test") as client:
            for _ in range(4):
                assert (await send(client, dora, HOOKS, {"hook_event_name": "Stop"})).status_code == 204
            response = await send(client, dora, LOGS, log(4))
            assert response.status_code == 429
            assert 1700 < int(response.headers["retry-after"]) <= 1800
            assert "7 records an hour" in response.json()["message"]
            assert (await send(client, dora, LOGS, log(3))).status_code == 200
            response = await send(client, dora, HOOKS, {})
            assert (response.status_code, "7 records an hour" in response.json()["error"]) == (429, True)
            response = await send(client, emil, HOOKS, {"prompt": "x" * 10_000})
            assert (response.status_code, "10000 bytes an hour" in response.json()["error"]) == (429, True)
            assert (await send(client, emil, HOOKS, {"prompt": "x" * 1_000})).status_code == 204
            # The API has a budget of its own.
            me = await client.post(
                "/graphql",
                json={"query": "{ me { id } }"},
                headers={"authorization": f"Bearer {dora.access}"},
            )
            assert me.status_code == 200
    assert await plain.fetchval("SELECT records FROM ingest_counts WHERE user_id = $1", dora.user_id) == 7
    assert len(await stored(plain, dora)) == 5
    assert len(await stored(plain, emil)) == 1
