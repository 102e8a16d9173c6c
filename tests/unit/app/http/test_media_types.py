"""What a request may be written in, and what its answer is."""

import gzip

import pytest

from tests.unit.app.http.small import LEGACY, MODERN, Client, post


class TestMediaTypes:
    @pytest.mark.parametrize(
        ("accept", "content_type"),
        [
            (MODERN, "application/graphql-response+json; charset=utf-8"),
            (LEGACY, "application/json; charset=utf-8"),
            ("*/*", "application/json; charset=utf-8"),
            (f"{MODERN}, application/json, text/event-stream, multipart/mixed",
             "application/graphql-response+json; charset=utf-8"),
        ],
    )  # fmt: skip
    async def test_the_answer_is_in_the_type_that_was_asked_for(
        self, http: Client, accept: str, content_type: str
    ) -> None:
        response = await post(http, "{ echo }", accept)

        assert response.status_code == 200
        assert response.headers["content-type"] == content_type
        assert response.json() == {"data": {"echo": "hello"}}

    async def test_without_an_accept_header_the_answer_is_json(self, http: Client) -> None:
        response = await http.post("/graphql", json={"query": "{ echo }"})

        assert response.headers["content-type"] == "application/json; charset=utf-8"

    async def test_a_type_that_we_do_not_speak_is_406(self, http: Client) -> None:
        response = await post(http, "{ echo }", "application/xml")

        assert response.status_code == 406
        assert response.headers["content-type"] == "application/json; charset=utf-8"

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
    )
    async def test_json_in_utf_8_is_taken(self, http: Client, content_type: str) -> None:
        body = '{"query": "{ echo(text: \\"東京\\") }"}'.encode()

        response = await http.post("/graphql", content=body, headers={"content-type": content_type})

        assert response.json() == {"data": {"echo": "東京"}}

    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "",
            "text/plain",
            "text/plain; application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/graphql",
            "application/json; charset=iso-8859-1",
        ],
    )
    async def test_every_other_request_type_is_415(self, http: Client, content_type: str | None) -> None:
        headers = {} if content_type is None else {"content-type": content_type}

        response = await http.post("/graphql", content=b'{"query": "{ echo }"}', headers=headers)

        assert response.status_code == 415

    async def test_a_compressed_request_is_415(self, http: Client) -> None:
        response = await http.post(
            "/graphql",
            content=gzip.compress(b'{"query": "{ echo }"}'),
            headers={"content-type": "application/json", "content-encoding": "gzip"},
        )

        assert response.status_code == 415
