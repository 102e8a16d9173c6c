"""The status of an answer, by media type."""

from typing import Any

import pytest

from app.http.response import answer_result
from gql.errors import FormattedError
from gql.execution.api import OperationResult, _result
from services.core.principal import Principal
from tests.unit.app.http.small import LEGACY, MODERN, Client, FixedQuota, code, post


class TestStatusCodes:
    @pytest.mark.parametrize(
        ("query", "variables", "expected"),
        [
            ("{ echo", None, "GRAPHQL_PARSE_FAILED"),
            ("{ unknown }", None, "GRAPHQL_VALIDATION_FAILED"),
            ("query ($n: Int!) { echo }", {"n": None}, "GRAPHQL_VALIDATION_FAILED"),
            ("query ($t: String!) { echo(text: $t) }", {"t": None}, "BAD_USER_INPUT"),
        ],
    )
    async def test_a_request_that_fails_before_execution_is_400_or_200_by_type(
        self, http: Client, query: str, variables: dict[str, Any] | None, expected: str
    ) -> None:
        modern = await post(http, query, MODERN, variables=variables)
        legacy = await post(http, query, LEGACY, variables=variables)

        assert (modern.status_code, legacy.status_code) == (400, 200)
        assert modern.json() == legacy.json()
        assert "data" not in modern.json()
        assert code(modern) == expected

    @pytest.mark.parametrize("query", ["{ echo trouble }", "{ strictTrouble }"])
    async def test_data_with_errors_is_294_or_200_by_type(self, http: Client, query: str) -> None:
        modern = await post(http, query, MODERN)
        legacy = await post(http, query, LEGACY)

        assert (modern.status_code, legacy.status_code) == (294, 200)
        assert "data" in modern.json()
        assert code(modern) == "FORBIDDEN"

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    @pytest.mark.parametrize("authorization", ["Bearer bad", "Bearer", "Basic YTpi", "nonsense"])
    async def test_a_bad_token_is_401_with_a_challenge(
        self, http: Client, accept: str, authorization: str
    ) -> None:
        response = await http.post(
            "/graphql",
            json={"query": "{ echo }"},
            headers={"accept": accept, "authorization": authorization},
        )

        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert code(response) == "UNAUTHENTICATED"

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_no_token_is_401_when_the_operation_needs_one(self, http: Client, accept: str) -> None:
        del http.headers["authorization"]

        response = await post(http, "{ echo }", accept)

        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_a_used_up_quota_is_429_and_says_when_to_come_back(
        self, http: Client, quota: FixedQuota, accept: str
    ) -> None:
        quota.calls = 0

        response = await post(http, "{ echo }", accept)

        assert response.status_code == 429
        assert response.headers["retry-after"] == "17"
        assert response.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 17}

    async def test_a_fault_of_ours_is_500_and_tells_nothing(
        self, http: Client, quota: FixedQuota, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(principal: Principal) -> None:
            raise RuntimeError("SELECT secret")

        monkeypatch.setattr(quota, "admit", fail)

        response = await post(http, "{ echo }")

        assert response.status_code == 500
        assert code(response) == "INTERNAL_SERVER_ERROR"
        assert "secret" not in response.text

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    @pytest.mark.parametrize(
        ("codes", "answered", "away"),
        [
            (("SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE"), False, True),
            (("SERVICE_UNAVAILABLE",), True, False),
            (("SERVICE_UNAVAILABLE", "FORBIDDEN"), False, False),
        ],
    )
    def test_where_the_database_was_away_and_nothing_was_answered_it_is_503(
        self, accept: str, codes: tuple[str, ...], *, answered: bool, away: bool
    ) -> None:
        answer = answer_result(OperationResult(b"{}", codes, answered=answered), accept)

        assert answer.status == (503 if away else {MODERN: 294, LEGACY: 200}[accept])

    @pytest.mark.parametrize(
        ("data", "answered"), [(None, False), ({"a": None}, False), ({"a": None, "b": {}}, True)]
    )
    def test_a_response_answers_when_a_field_has_a_value(self, data: Any, *, answered: bool) -> None:
        errors: list[FormattedError] = [{"message": "m", "extensions": {"code": "SERVICE_UNAVAILABLE"}}]

        assert _result({"data": data}, errors).answered is answered
