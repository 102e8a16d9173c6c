"""Accept and Accept-Encoding: which answer a client gets."""

import pytest

from app.http.negotiation import GRAPHQL_RESPONSE, JSON, accepted, coding


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE),
        ("application/json;q=0.9, application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/json, application/graphql-response+json;q=0.5", JSON),
        ("application/graphql-response+json, application/json", GRAPHQL_RESPONSE),
        ("application/json, application/graphql-response+json", JSON),
        ("*/*, application/graphql-response+json", GRAPHQL_RESPONSE),
        ("*/*;q=0.1, application/json;q=0", GRAPHQL_RESPONSE),
        ("APPLICATION/JSON; charset=UTF-8", JSON),
        ('application/graphql-response+json; charset="utf-8"', GRAPHQL_RESPONSE),
        (
            "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
            GRAPHQL_RESPONSE,
        ),
        ("text/event-stream", None),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json; charset=utf-16", None),
        ("application/json;q=nonsense", None),
        (",;,", None),
    ],
)
def test_the_preferred_media_type_is_chosen(header: str, media_type: str | None) -> None:
    assert accepted(header).response == media_type


def test_an_event_stream_must_be_named() -> None:
    assert accepted("application/json, text/event-stream").event_stream
    assert not accepted("*/*").event_stream
    assert not accepted("text/event-stream;q=0").event_stream


@pytest.mark.parametrize(
    ("header", "is_page"),
    [
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html, application/json", True),
        ("text/html;q=0.9, application/json;q=0.8", True),
        ("application/json, text/html", False),
        ("application/json, text/html;q=0.1", False),
        ("application/graphql-response+json;q=0.5, text/html;q=0.4", False),
        ("*/*, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/*", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_the_page_is_for_clients_that_would_rather_have_it(header: str, is_page: bool) -> None:
    assert accepted(header).html is is_page


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("zstd;q=0, *", "br"),
    ],
)
def test_the_preferred_compression_is_chosen(header: str, chosen: str | None) -> None:
    assert coding(header) == chosen
