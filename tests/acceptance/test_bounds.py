"""Every bound: which resource it keeps for others, the doors it stands in, its figure, and who shows it.

The table is held to the settings and to docs/limits.md: a setting, or a row of the page, that is missing here
fails. What is quick is tried through each of its doors here, the rest by the test that is named.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.admission.request import ANONYMOUS_BODY
from app.config.settings import Settings, variable
from app.database.statement_cache import LARGE, MOST_CHARACTERS
from app.ingest.endpoint import READ_AT_A_TIME
from app.mcp.answers import LONGEST
from app.mcp.endpoint import MOST_BODY
from app.mcp.listening import MOST_RESOURCES
from app.mcp.recording import MOST_BYTES as CALLS_OF_PERSON
from app.mcp.recording import MOST_WAITING as CALLS_OF_ALL
from app.mcp.tools.claims import LONGEST_WAIT
from app.mcp.values import PAGE as PAGE_OF_TOOLS
from app.serving import IDLE_CONNECTION
from app.uvicorn_ext.bounded_requests import MAXIMUM_HEADER_BYTES
from gql.execution.api import LONGEST_BODY, MOST_BYTES, MOST_REQUESTS
from gql.execution.large_requests import MOST_WAITING as MOST_LARGE_WAITING
from gql.mutations.filtering import MOST_ROWS
from gql.planner.pages import MAXIMUM_PAGE
from gql.planner.statement import DEEPEST_RELATIONS, MOST_PARAMETERS, MOST_RELATIONS
from gql.request.anonymous import ANONYMOUS_TOKENS
from gql.request.documents import _MAXIMUM_REMEMBERED_CHARACTERS
from gql.request.limits import _MAXIMUM_DIGITS, MOST_PARTS
from models.model_prices import MOST_PRICES
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.addresses import MOST_HEADERS
from services.core.database import Database
from services.core.fair_shares import MOST_WAITING
from services.core.principal import Origin
from services.core.replicas import MOST_WRITERS
from services.delivery.channels.webhook import MOST_BYTES as WEBHOOK_BYTES
from services.delivery.http_client import MOST_KEPT
from services.delivery.outcomes import LONGEST_PAUSE
from services.ingest.digestion import MOST_RECORDS as MOST_DIGESTED
from services.ingest.hooks import MOST_HOOKS
from services.ingest.otlp import MOST_RECORDS, MOST_VALUES
from services.ingest.received import DEEPEST
from services.ingest.storing import MOST_EVENTS
from services.ingest.transcripts import MOST_LINES
from services.mcp.importing import _MESSAGES_PER_PART
from services.mcp.messages import MAX_MESSAGES
from services.tasks.planning import MAX_DEPENDENCIES, MAX_TASKS
from services.writing.appending import MAX_ROWS
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

_REQUESTS = "tests/unit/gql/execution/test_prepared_requests.py"
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/limits.md"


class Resource(Enum):
    """What one caller could take from all others."""

    TIME = "time of the server"
    MEMORY = "memory of the server"
    DATABASE = "time and memory of PostgreSQL"
    CONNECTIONS = "connections"
    ROWS = "rows"
    DISK = "disk"


class Door(Enum):
    """Ways in."""

    QUERY = "HTTP query"
    MUTATION = "HTTP mutation"
    GET = "GET"
    WEBSOCKET = "WebSocket"
    SSE = "event stream"
    LIVE = "live query"
    LOGIN = "login and refresh"
    PERSISTED = "persisted documents"
    BODY = "body"
    HEADERS = "headers"
    TRAILERS = "trailers"
    IMPORT = "import on the command line"
    AGENTS = "MCP"
    DELIVERY = "delivery of notifications"
    INGEST = "receivers of what Claude Code tells"


ANSWERED = (Door.QUERY, Door.MUTATION, Door.GET, Door.WEBSOCKET, Door.SSE, Door.LIVE)
"""Doors that run a selection of somebody who has logged in."""

READING = tuple(door for door in ANSWERED if door is not Door.MUTATION)


@dataclass(frozen=True, slots=True)
class Selection:
    """A field of Query and of Project that passes a bound, where `$w` is a filter of tasks."""

    text: str
    where: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """`limit` is the first cell of its row in the page, `value` the figure in the second one.

    `code` is what passing it gives, empty where nobody is refused. `tried` is a selection that passes it, or
    the tests that show it.
    """

    limit: str
    value: float
    resources: tuple[Resource, ...]
    doors: tuple[Door, ...]
    code: str
    tried: Selection | tuple[str, ...]
    setting: str = ""
    more: tuple[str, ...] = field(default=())
    """Further settings that belong to it."""


def _deep(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"name": {"eq": "x"}}
    for _ in range(levels):
        where = {"project": {"tasks": {"some": where}}}
    return where


def _chain(levels: int, size: int) -> str:
    text = f"tasks(first: {size}) {{ totalCount }}"
    for _ in range(levels):
        text = f"tasks(first: {size}) {{ nodes {{ project {{ {text} }} }} }}"
    return text


DEFAULTS = Settings(_env_file=None)
HTTP = "tests/acceptance/http/"
DELIVERY = "tests/integration/delivery/"
INGEST = "tests/integration/ingest/test_receivers.py::"
MCP = "tests/acceptance/mcp/"
RECORDER = "tests/unit/app/mcp/test_recording.py::"
TIME, MEMORY, DATABASE = Resource.TIME, Resource.MEMORY, Resource.DATABASE
FILTERED = "tasks(first: 1, where: $w) { totalCount }"
KEY = "0197a000-0000-7000-8000-000000000000"
BY_VARIABLE = tuple(door for door in ANSWERED if door is not Door.GET)
"""A URL is too short for large variables."""

BOUNDS = (
    Bound(
        "tokens",
        DEFAULTS.maximum_tokens,
        (TIME, MEMORY),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        Selection("tasks { nodes { " + "id " * 5_001 + "} }"),
        "maximum_tokens",
    ),
    Bound(
        "tokens without an access token",
        ANONYMOUS_TOKENS,
        (TIME, MEMORY),
        (Door.LOGIN,),
        "QUERY_TOO_COMPLEX",
        (HTTP + "test_large_requests.py::test_a_stranger_sends_little",),
    ),
    Bound(
        "fields",
        DEFAULTS.maximum_tokens,
        (TIME, DATABASE),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        (
            "tests/unit/gql/request/test_limits.py::test_fragments_nested_twofold_cost_no_more_time_than_their_text",
        ),
        "maximum_tokens",
    ),
    Bound(
        "depth",
        DEFAULTS.maximum_depth,
        (TIME, DATABASE),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        Selection(_chain(7, 1)),
        "maximum_depth",
    ),
    Bound(
        "aliases",
        DEFAULTS.maximum_aliases,
        (TIME, DATABASE),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        Selection(" ".join(f"a{n}: tasks {{ totalCount }}" for n in range(101))),
        "maximum_aliases",
    ),
    Bound(
        "cost",
        DEFAULTS.maximum_cost,
        (Resource.ROWS, MEMORY, DATABASE),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        Selection(_chain(3, 500)),
        "maximum_cost",
    ),
    Bound(
        "page",
        MAXIMUM_PAGE,
        (Resource.ROWS,),
        ANSWERED,
        "BAD_USER_INPUT",
        Selection("tasks(first: 501) { nodes { id } }"),
    ),
    Bound(
        "digits of a number",
        _MAXIMUM_DIGITS,
        (TIME,),
        ANSWERED,
        "BAD_USER_INPUT",
        Selection("tasks(first: " + "9" * 401 + ") { totalCount }"),
    ),
    Bound(
        "conditions and keys of one statement",
        MOST_PARAMETERS,
        (DATABASE,),
        BY_VARIABLE,
        "BAD_USER_INPUT",
        Selection(FILTERED, {"or": [{"id": {"eq": KEY}}] * (MOST_PARAMETERS + 1)}),
    ),
    Bound(
        "objects in a variable that holds a filter",
        MOST_PARTS,
        (TIME, MEMORY),
        BY_VARIABLE,
        "QUERY_TOO_COMPLEX",
        Selection(FILTERED, {"or": [{}] * MOST_PARTS}),
    ),
    Bound(
        "tables that `where` and `orderBy` lead through behind each other",
        DEEPEST_RELATIONS,
        (DATABASE,),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        Selection(FILTERED, _deep(4)),
    ),
    Bound(
        "tables that all `where` and `orderBy` of an operation ask",
        MOST_RELATIONS,
        (DATABASE,),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        Selection(FILTERED, {"and": [_deep(1)] * 51}),
    ),
    Bound(
        "statement",
        DEFAULTS.statement_timeout,
        (DATABASE, Resource.CONNECTIONS),
        ANSWERED,
        "QUERY_TOO_COMPLEX",
        (HTTP + "test_limits.py::TestTime::test_a_statement_past_its_time_is_stopped_and_says_what_to_do",),
        "statement_timeout",
    ),
    Bound(
        "body",
        DEFAULTS.maximum_body,
        (MEMORY,),
        (Door.BODY, Door.WEBSOCKET),
        "BAD_USER_INPUT",
        (
            HTTP + "test_refused_requests.py"
            "::test_a_body_past_the_limit_is_told_to_a_client_that_sends_all_before_it_reads",
            "tests/acceptance/subscriptions/test_patience.py::test_a_message_that_is_too_long_ends_the_connection",
        ),
        "maximum_body",
    ),
    Bound(
        "body without an access token",
        ANONYMOUS_BODY,
        (MEMORY, TIME),
        (Door.BODY, Door.LOGIN),
        "BAD_USER_INPUT",
        (HTTP + "test_large_requests.py::test_a_stranger_sends_little",),
    ),
    Bound(
        "large requests of a person that wait to be read",
        MOST_LARGE_WAITING,
        (MEMORY, TIME),
        (Door.BODY, *BY_VARIABLE),
        "RATE_LIMITED",
        (HTTP + "test_large_requests.py::test_one_person_keeps_few_large_requests_in_memory",),
    ),
    Bound(
        "target, headers and trailers",
        MAXIMUM_HEADER_BYTES,
        (MEMORY,),
        (Door.GET, Door.HEADERS, Door.TRAILERS),
        "",
        (
            HTTP + "test_refused_requests.py::test_trailers_are_counted_and_not_kept",
            HTTP + "test_refused_requests.py::test_headers_are_bounded_to_the_byte",
            HTTP + "test_refused_requests.py::test_a_target_is_counted_as_well",
        ),
    ),
    Bound(
        "time for headers and body to arrive",
        DEFAULTS.request_timeout,
        (MEMORY, Resource.CONNECTIONS),
        (Door.BODY, Door.HEADERS, Door.TRAILERS),
        "",
        (HTTP + "test_deadlines.py::test_a_request_that_does_not_arrive_in_time_ends_in_408",),
        "request_timeout",
    ),
    Bound(
        "time for which a connection is kept between two requests",
        IDLE_CONNECTION,
        (Resource.CONNECTIONS,),
        (Door.HEADERS,),
        "",
        (HTTP + "test_deadlines.py::test_a_connection_is_kept_between_requests_longer_than_by_clients",),
    ),
    Bound(
        "time for the client to take 64 KiB of a response, or what is left of it",
        DEFAULTS.response_timeout,
        (MEMORY, Resource.CONNECTIONS),
        (Door.QUERY, Door.MUTATION, Door.GET, Door.SSE),
        "",
        (HTTP + "test_slow_readers.py::test_a_client_that_reads_nothing_of_a_large_result_is_cut_off",),
        "response_timeout",
    ),
    Bound(
        "operations in a JSON array",
        DEFAULTS.maximum_batch,
        (TIME, DATABASE),
        (Door.BODY,),
        "BAD_USER_INPUT",
        ("tests/acceptance/test_bounds.py::test_an_array_is_refused",),
        "maximum_batch",
    ),
    Bound(
        "rows of an append",
        MAX_ROWS,
        (Resource.ROWS, Resource.DISK),
        (Door.MUTATION,),
        "BAD_USER_INPUT",
        ("tests/acceptance/test_bounds.py::test_one_call_writes_so_many_rows",),
    ),
    Bound(
        "MCP messages of a call",
        MAX_MESSAGES,
        (Resource.ROWS, Resource.DISK),
        (Door.MUTATION,),
        "BAD_USER_INPUT",
        ("tests/acceptance/test_bounds.py::test_one_call_writes_so_many_rows",),
    ),
    Bound(
        "prices of models in `usage.model_prices`",
        MOST_PRICES,
        (MEMORY,),
        (Door.MUTATION,),
        "BAD_USER_INPUT",
        (
            "tests/integration/writing/test_usage.py::"
            "test_an_administrator_changes_the_prices_and_nothing_that_is_none",
        ),
    ),
    Bound(
        "MCP messages of a transaction of `ccgraph import-mcp`",
        _MESSAGES_PER_PART,
        (MEMORY, DATABASE),
        (Door.IMPORT,),
        "",
        ("tests/integration/writing/test_recording.py::test_a_file_is_divided_wherever_its_batches_end",),
    ),
    Bound(
        "rows that a change by filter touches",
        MOST_ROWS,
        (Resource.ROWS,),
        (Door.MUTATION,),
        "BAD_USER_INPUT",
        ("tests/acceptance/test_bounds.py::test_one_call_writes_so_many_rows",),
    ),
    Bound(
        "characters of statements that a connection keeps prepared",
        MOST_CHARACTERS,
        (DATABASE,),
        ANSWERED,
        "",
        (
            "tests/integration/database/test_statement_memory.py"
            "::test_many_statements_are_kept_as_far_as_their_texts_go",
        ),
    ),
    Bound(
        "characters of a statement that is kept",
        LARGE,
        (DATABASE,),
        ANSWERED,
        "",
        ("tests/integration/database/test_statement_memory.py::test_large_statements_leave_nothing_behind",),
    ),
    Bound(
        "characters of documents that are persisted in a process",
        _MAXIMUM_REMEMBERED_CHARACTERS,
        (MEMORY,),
        (Door.PERSISTED,),
        "",
        (
            "tests/unit/gql/request/test_documents.py"
            "::test_the_oldest_texts_are_forgotten_when_the_memory_is_full",
            "tests/unit/gql/request/test_documents.py::test_a_stranger_persists_nothing",
        ),
    ),
    *(
        Bound(
            what,
            most,
            (MEMORY,),
            (Door.QUERY, Door.GET, Door.WEBSOCKET, Door.SSE, Door.LIVE),
            "",
            (f"{_REQUESTS}::{test}",),
        )
        for what, most, test in (
            (
                "requests that are known when they come again",
                MOST_REQUESTS,
                "test_of_many_bodies_those_that_were_used_last_are_known",
            ),
            (
                "bytes of those requests, in all",
                MOST_BYTES,
                "test_long_bodies_push_out_others_before_they_fill_the_memory",
            ),
            (
                "bytes of one of them",
                LONGEST_BODY,
                "test_a_body_past_the_longest_is_not_kept",
            ),
        )
    ),
    Bound(
        "subscriptions of a person in one process, over all connections",
        DEFAULTS.maximum_subscriptions,
        (MEMORY, Resource.CONNECTIONS),
        (Door.WEBSOCKET, Door.SSE, Door.LIVE),
        "QUOTA_EXCEEDED",
        (
            "tests/acceptance/subscriptions/test_limits.py"
            "::test_a_person_has_so_many_over_all_connections_and_others_are_not_concerned",
        ),
        "maximum_subscriptions",
    ),
    Bound(
        "operations under way on a WebSocket",
        100,
        (MEMORY,),
        (Door.WEBSOCKET,),
        "QUOTA_EXCEEDED",
        (
            "tests/acceptance/subscriptions/test_patience.py"
            "::test_a_connection_has_a_hundred_operations_under_way_and_no_more",
        ),
    ),
    Bound(
        "connections that one person uses at a time",
        DEFAULTS.person_share,
        (Resource.CONNECTIONS, DATABASE),
        BY_VARIABLE,
        "",
        (
            HTTP + "test_fairness.py::test_others_do_not_wait_while_one_account_asks_for_much",
            HTTP + "test_fairness.py::test_an_account_has_half_of_the_connections_and_gets_all_answers",
        ),
        "person_share",
        ("read_pool_size", "write_pool_size"),
    ),
    Bound(
        "queries, and changes, of a person that wait",
        MOST_WAITING,
        (MEMORY, Resource.CONNECTIONS),
        (Door.QUERY, Door.MUTATION, Door.GET, Door.WEBSOCKET, Door.SSE),
        "RATE_LIMITED",
        (
            "tests/unit/services/core/test_fair_shares.py"
            "::test_only_so_many_wait_and_what_has_begun_does_anyway",
            "tests/integration/reading/test_single_flight.py"
            "::test_nobody_shares_a_statement_that_waits_for_the_turn_of_another_person",
        ),
    ),
    Bound(
        "people of whom it is remembered what they wrote",
        MOST_WRITERS,
        (MEMORY,),
        (Door.MUTATION, Door.WEBSOCKET),
        "",
        (
            "tests/unit/services/core/test_replicas.py"
            "::test_of_more_people_than_are_remembered_a_replica_needs_what_all_wrote",
        ),
    ),
    Bound(
        "calls an hour",
        1_000,
        (TIME, DATABASE, Resource.DISK),
        (*ANSWERED, Door.LOGIN, Door.PERSISTED),
        "RATE_LIMITED",
        (
            HTTP + "test_limits.py::test_the_quota_of_calls_is_held_and_says_when_to_come_back",
            HTTP + "test_login.py"
            "::test_logins_and_refreshes_count_as_calls_and_nothing_is_spent_past_the_quota",
        ),
    ),
    Bound(
        "attempts to log in to an account from one address",
        10,
        (TIME, Resource.DISK),
        (Door.LOGIN,),
        "RATE_LIMITED",
        (
            "tests/integration/accounts/test_login.py"
            "::test_an_address_past_its_limit_stores_nothing_and_closes_no_account",
        ),
    ),
    Bound(
        "tokens that are kept of an account",
        1_000,
        (Resource.DISK, Resource.ROWS),
        (Door.LOGIN,),
        "",
        (HTTP + "test_login.py::test_an_account_has_so_many_tokens_and_the_newest_are_good",),
    ),
    Bound(
        "bytes of a request to /mcp",
        MOST_BODY,
        (MEMORY, TIME),
        (Door.AGENTS,),
        "",
        (MCP + "test_doors.py::test_a_body_is_bounded",),
        more=("maximum_body",),
    ),
    Bound(
        "characters of a tool's answer",
        LONGEST,
        (MEMORY,),
        (Door.AGENTS,),
        "BAD_USER_INPUT",
        (
            MCP + "test_tools.py::test_a_long_task_is_cut_and_whole_as_a_resource",
            MCP + "test_tools.py::test_a_query_is_run_and_nothing_else",
        ),
    ),
    Bound(
        "rows of a tool's answer",
        PAGE_OF_TOOLS,
        (Resource.ROWS,),
        (Door.AGENTS,),
        "",
        (MCP + "test_tools.py::test_lists_are_cut_and_go_on",),
    ),
    Bound(
        "tasks in a plan",
        MAX_TASKS,
        (Resource.ROWS, DATABASE),
        (Door.AGENTS,),
        "BAD_USER_INPUT",
        (MCP + "test_tools.py::test_a_plan_is_bounded",),
    ),
    Bound(
        "dependencies in a plan",
        MAX_DEPENDENCIES,
        (Resource.ROWS, DATABASE),
        (Door.AGENTS,),
        "BAD_USER_INPUT",
        (MCP + "test_tools.py::test_a_plan_is_bounded",),
    ),
    Bound(
        "seconds that a call waits for work",
        LONGEST_WAIT,
        (MEMORY, Resource.CONNECTIONS),
        (Door.AGENTS,),
        "BAD_USER_INPUT",
        (MCP + "test_tools.py::test_a_plan_is_bounded",),
    ),
    Bound(
        "resources that a stream follows",
        MOST_RESOURCES,
        (MEMORY, DATABASE),
        (Door.AGENTS,),
        "",
        (MCP + "test_waiting.py::test_a_stream_follows_so_many_resources",),
    ),
    Bound(
        "bytes of a person's calls that wait to be recorded",
        CALLS_OF_PERSON,
        (MEMORY, Resource.DISK),
        (Door.AGENTS,),
        "",
        (RECORDER + "test_what_one_person_says_leaves_room_for_others",),
    ),
    Bound(
        "bytes of all calls that wait to be recorded",
        CALLS_OF_ALL,
        (MEMORY, Resource.DISK),
        (Door.AGENTS,),
        "",
        (RECORDER + "test_all_together_have_a_bound",),
    ),
    Bound(
        "time for a receiver of a notification to answer",
        DEFAULTS.delivery_timeout,
        (Resource.TIME, Resource.CONNECTIONS),
        (Door.DELIVERY,),
        "",
        (
            DELIVERY + "test_workers.py::"
            "test_a_receiver_that_never_answers_is_left_alone_and_what_waits_for_it_is_out_of_the_way",
        ),
        setting="delivery_timeout",
    ),
    Bound(
        "notifications that a worker sends at a time",
        DEFAULTS.delivery_concurrency,
        (Resource.MEMORY, Resource.CONNECTIONS),
        (Door.DELIVERY,),
        "",
        (DELIVERY + "test_workers.py::test_a_receiver_that_hangs_delays_no_other",),
        setting="delivery_concurrency",
    ),
    Bound(
        "notifications that a worker sends to one person by one service at a time",
        DEFAULTS.delivery_places,
        (Resource.TIME, Resource.CONNECTIONS),
        (Door.DELIVERY,),
        "",
        (DELIVERY + "test_workers.py::test_a_receiver_that_hangs_delays_no_other",),
        setting="delivery_places",
    ),
    Bound(
        "failed attempts in a row until a receiver is left alone",
        DEFAULTS.delivery_breaker_failures,
        (Resource.TIME, Resource.CONNECTIONS),
        (Door.DELIVERY,),
        "",
        (
            DELIVERY
            + "test_workers.py::test_a_circuit_breaker_leaves_a_failing_receiver_alone_and_tries_it_again",
        ),
        setting="delivery_breaker_failures",
        more=("delivery_breaker_pause",),
    ),
    Bound(
        "bytes of a webhook's body",
        WEBHOOK_BYTES,
        (Resource.MEMORY,),
        (Door.DELIVERY,),
        "",
        (DELIVERY + "test_webhooks.py::test_a_body_is_capped",),
    ),
    Bound(
        "bytes of a receiver's answer that are kept",
        MOST_KEPT,
        (Resource.MEMORY, Resource.DISK),
        (Door.DELIVERY,),
        "",
        (DELIVERY + "test_webhooks.py::test_attempts_keep_the_id_and_stop_after_max_retries",),
    ),
    Bound(
        "headers of a webhook's setting",
        MOST_HEADERS,
        (Resource.MEMORY,),
        (Door.DELIVERY,),
        "BAD_USER_INPUT",
        (DELIVERY + "test_addresses.py::test_what_leads_inside_is_not_saved",),
    ),
    Bound(
        "longest pause that a receiver may ask for",
        LONGEST_PAUSE,
        (Resource.TIME,),
        (Door.DELIVERY,),
        "",
        ("tests/unit/services/delivery/test_outcomes.py::test_retry_after_is_bounded",),
    ),
    Bound(
        "body of a request to the receivers",
        DEFAULTS.ingest_maximum_body,
        (MEMORY, TIME),
        (Door.INGEST,),
        "",
        (INGEST + "test_bodies_are_bounded_before_and_after_decompression",),
        "ingest_maximum_body",
    ),
    Bound(
        "records of a person an hour",
        DEFAULTS.ingest_records_per_hour,
        (Resource.DISK, Resource.ROWS),
        (Door.INGEST,),
        "RATE_LIMITED",
        (INGEST + "test_a_person_hands_in_so_much_an_hour_and_others_are_not_counted_with_it",),
        "ingest_records_per_hour",
    ),
    Bound(
        "bytes of a person an hour",
        DEFAULTS.ingest_bytes_per_hour,
        (Resource.DISK,),
        (Door.INGEST,),
        "RATE_LIMITED",
        (INGEST + "test_a_person_hands_in_so_much_an_hour_and_others_are_not_counted_with_it",),
        "ingest_bytes_per_hour",
    ),
    *(
        Bound(
            limit,
            most,
            (TIME, MEMORY),
            (Door.INGEST,),
            "BAD_USER_INPUT",
            (INGEST + "test_one_request_brings_so_many_records_lines_and_hooks",),
        )
        for limit, most in (
            ("hooks of one request", MOST_HOOKS),
            ("lines of one request", MOST_LINES),
            ("log records, metrics or spans of one request", MOST_RECORDS),
        )
    ),
    Bound(
        "values in one of them, its resource or its scope",
        MOST_VALUES,
        (TIME, MEMORY),
        (Door.INGEST,),
        "",
        (INGEST + "test_a_record_of_a_million_attributes_is_rejected_and_its_neighbours_are_stored",),
    ),
    Bound(
        "levels of one record",
        DEEPEST,
        (TIME,),
        (Door.INGEST,),
        "BAD_USER_INPUT",
        (INGEST + "test_what_is_no_such_body_is_refused_and_nothing_stored",),
    ),
    Bound(
        "names of hook events that are counted of a person",
        MOST_EVENTS,
        (Resource.ROWS,),
        (Door.INGEST,),
        "",
        (INGEST + "test_a_stranger_name_of_an_event_is_counted_until_there_are_many",),
    ),
    Bound(
        "long requests of a person that are read at a time",
        READ_AT_A_TIME,
        (MEMORY, TIME),
        (Door.INGEST,),
        "RATE_LIMITED",
        (HTTP + "test_receivers.py::test_long_requests_of_a_person_wait_and_nobody_else_does",),
    ),
    Bound(
        "records of a person that are digested together",
        MOST_DIGESTED,
        (Resource.CONNECTIONS, DATABASE),
        (Door.INGEST,),
        "",
        ("tests/integration/ingest/test_digestion.py::test_what_happens_now_comes_before_what_has_happened",),
    ),
)

NO_BOUNDS = {
    "delivery_backoff": "when a notification is tried again",
    "delivery_poll": "how soon a notification is noticed",
    "ingest_poll": "how soon a record is noticed",
    "port": "an address",
    "database_start_timeout": "of the start",
    "access_token_minutes": "how long a login is good",
    "refresh_token_days": "how long a login is good",
    "heartbeat_timeout": "when an instance counts as silent",
    "working_timeout": "when an instance counts as gone",
    "permission_wait": "how long a person has to answer; how many wait is bounded",
    "process_timeout": "when a process counts as dead",
    "replica_lag": "when a replica is asked nothing",
    "feed_poll": "how soon a change is noticed",
    "keep_alive": "how often a connection shows life",
    "live_poll": "how often a query is read again",
    "confirmation_timeout": "when a notification is sent again",
    "confirmation_retries": "how often a notification is sent again",
    "backup_every": "how often a backup is made",
    "backup_keep_days": "how long a backup is kept; no caller makes one",
    "wal_archive_timeout": "how soon a change is archived",
    "maintenance_every": "how often maintenance runs",
    "shutdown_timeout": "of the end",
}
"""Settings that are numbers and bound nothing that a caller takes."""

ELSEWHERE = {
    "characters of what an instance does now, or said last": "no caller of the API writes it;"
    " tests/integration/writing/test_permission_requests.py",
    "permission requests that are held at a time": "tests/integration/writing/test_permission_waits.py",
    "permission requests of a person that are held at a time": "likewise",
    "alias": "a column's name in PostgreSQL",
    "operations, fragments, lines": "three figures; tests/unit/gql/request/test_limits.py",
    "wait for a row that another change holds": "tests/integration/writing/test_rushes.py",
    "wait for a connection": "tests/integration/app/test_connection_pool.py",
    "events that wait for a subscriber": "tests/acceptance/subscriptions/test_fan_out.py",
    "time in which a subscriber takes nothing of them": "the setting of the row of responses",
    "time of a statement that loads events among others": "a subscriber harms only itself",
    "statements of slow selections at a time, one of an account": "a subscriber harms only itself",
    "statements for those who resume or are behind at a time, two of an account": "likewise",
}
"""Rows of the page that have no row here, and why."""

CELLS = re.compile(r"^\| (?P<limit>[^|]+?) \| (?P<default>[^|]+?) \|(?P<rest>.*)$", re.MULTILINE)


def page() -> dict[str, tuple[str, str]]:
    """The rows of docs/limits.md: the figure and the rest, by the limit."""
    rows = {found["limit"]: (found["default"], found["rest"]) for found in CELLS.finditer(PAGE.read_text())}
    rows.pop("Limit")
    return rows


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.limit)
def test_each_bound_stands_in_the_page_with_its_figure(bound: Bound) -> None:
    default, rest = page()[bound.limit]
    (figure,) = re.findall(r"^[\d,]+", default)
    assert float(figure.replace(",", "")) == bound.value
    if bound.setting:
        assert variable(bound.setting) in rest


def test_each_row_of_the_page_is_in_the_table() -> None:
    assert page().keys() == {bound.limit for bound in BOUNDS} | ELSEWHERE.keys()


def test_each_setting_that_is_a_number_is_in_the_table() -> None:
    numbers = {name for name, info in Settings.model_fields.items() if info.annotation in (int, float)}
    settings = {name for bound in BOUNDS for name in (bound.setting, *bound.more) if name}
    assert numbers == settings | NO_BOUNDS.keys()
    assert not settings & NO_BOUNDS.keys()


def test_each_resource_is_bounded_at_each_door_that_reaches_it() -> None:
    reached = {(door, resource) for bound in BOUNDS for door in bound.doors for resource in bound.resources}
    for door in ANSWERED:
        for resource in (TIME, MEMORY, DATABASE, Resource.CONNECTIONS, Resource.ROWS):
            assert (door, resource) in reached, (door, resource)
    assert {door for door, _ in reached} == set(Door)
    assert {resource for _, resource in reached} == set(Resource)


def test_each_test_that_is_named_is_there() -> None:
    for bound in BOUNDS:
        for name in bound.tried if isinstance(bound.tried, tuple) else ():
            path, *parts = name.split("::")
            body: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
            for part in parts:
                (found,) = [node for node in body if getattr(node, "name", "") == part]
                body = getattr(found, "body", [])


@pytest.fixture
async def token(database: Database, settings: Settings) -> str:
    async with database.transaction() as connection:
        await add_user(connection, "ann", "correct horse", resource_quota={"api_calls_per_hour": 100_000})
        policy = TokenPolicy(settings.signing_key())
        return (await issue_for_username(connection, policy, "ann", Origin())).token


async def test_what_passes_a_bound_is_refused_at_each_of_its_doors(
    live_server: LiveServer, token: str
) -> None:
    for bound in BOUNDS:
        if isinstance(bound.tried, Selection):
            for door in bound.doors:
                codes = await refusal(live_server, token, door, bound.tried)
                assert codes == {bound.code}, (bound.limit, door)
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        assert (await client.get("/healthz")).status_code == 200


async def refusal(server: LiveServer, token: str, door: Door, selection: Selection) -> set[str]:
    """The codes of the errors that a selection gets at a door."""
    variables = {} if selection.where is None else {"w": selection.where}
    declared = "($w: TaskWhere)" if variables else ""
    query = {
        Door.MUTATION: f'mutation{declared} {{ createProject(input: {{name: "x"}}) {{ project {{ %s }} }} }}',
        Door.LIVE: f"subscription{declared} {{ live {{ %s }} }}",
    }.get(door, f"query{declared} {{ %s }}") % selection.text
    body = {"query": query, "variables": variables}
    header = {"authorization": f"Bearer {token}"}
    if door in (Door.WEBSOCKET, Door.LIVE):
        async with logged_in(server.websocket_url, token) as opened:
            await opened.say(id="1", type="subscribe", payload=body)
            message = await opened.hear()
            assert message["type"] == "error", message
            return codes_of(message["payload"])
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, headers=header) as client:
        if door is Door.GET:
            given = {"query": query, "variables": json.dumps(variables)}
            return codes_of((await client.get("/graphql", params=given)).json()["errors"])
        if door is Door.SSE:
            response = await client.post("/graphql", json=body, headers={"accept": "text/event-stream"})
            first = re.search(r"^data: ?(\{.*)$", response.text, re.MULTILINE)
            assert first is not None, response.text[:300]
            return codes_of(json.loads(first[1])["errors"])
        return codes_of((await client.post("/graphql", json=body)).json()["errors"])


def codes_of(errors: list[Any]) -> set[str]:
    return {error["extensions"]["code"] for error in errors}


async def test_an_array_is_refused(client: httpx.AsyncClient, token: str) -> None:
    header = {"authorization": f"Bearer {token}"}
    response = await client.post("/graphql", json=[{"query": "{ me { id } }"}], headers=header)
    assert codes_of(response.json()["errors"]) == {"BAD_USER_INPUT"}


async def test_one_call_writes_so_many_rows(client: httpx.AsyncClient, token: str) -> None:
    header = {"authorization": f"Bearer {token}"}
    row = {"ccInstanceId": KEY, "logLevel": "INFO", "category": "SYSTEM", "message": "x"}
    message = {"jsonrpc": "2.0", "method": "ping"}
    for document, given in (
        (
            "mutation ($i: AppendCcLogsInput!) { appendCcLogs(input: $i) { count } }",
            {"rows": [row] * (MAX_ROWS + 1)},
        ),
        (
            "mutation ($i: RecordMcpMessagesInput!) { recordMcpMessages(input: $i) { __typename } }",
            {"ccInstanceId": KEY, "messages": [message] * (MAX_MESSAGES + 1)},
        ),
        (
            "mutation ($i: DeleteTasksInput!) { deleteTasks(input: $i) { count } }",
            {"where": {"id": {"isNull": False}}, "atMost": MOST_ROWS + 1},
        ),
    ):
        response = await client.post(
            "/graphql", json={"query": document, "variables": {"i": given}}, headers=header
        )
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "at most" in error["message"].lower() or str(MOST_ROWS) in error["message"], error
