"""Mutations as a transport sends them, in the name of somebody."""

from functools import cache
from typing import Any
from uuid import UUID

import orjson

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.schema import build_schema
from services.accounts.tokens import TokenPolicy
from services.core.addresses import NONE_ALLOWED
from services.core.database import Database
from services.core.principal import Origin, Principal
from services.delivery.channels.web_push import Vapid
from services.delivery.http_client import Client
from services.delivery.sender import Sender
from services.secrets.vault import Vault

SCHEMA, CATALOG = build_schema()
SECRET_KEY = "k" * 32
MUTATIONS = SCHEMA._schema.mutation_type.fields if SCHEMA._schema.mutation_type else {}
ORIGIN = Origin(UUID("0197a000-0000-7000-8000-00000000abcd"), "192.0.2.7", "tests")


def mutation(field: str, selection: str = "__typename") -> str:
    """A document that calls one mutation with `$input`."""
    kind = MUTATIONS[field].args["input"].type
    return f"mutation ($input: {kind}) {{ {field}(input: $input) {{ {selection} }} }}"


@cache
def _sender() -> Sender:
    """One that reaches public addresses only: a setting without an address is tried without a request."""
    return Sender(Client(NONE_ALLOWED, 1.0), Vapid.derived(SECRET_KEY, "mailto:ops@example.com"))


class Caller:
    """Sends operations to one database; `prepared=False` lets the general executor run all of them."""

    def __init__(
        self,
        database: Database,
        vault: Vault | None = None,
        sender: Sender | None = None,
        *,
        prepared: bool = True,
    ) -> None:
        self._api = Api(SCHEMA, CATALOG, prepared=prepared)
        self._database = database
        self._vault = vault
        self._sender = sender or _sender()

    async def response(self, principal: Principal | None, document: str, **variables: object) -> Any:
        """The whole response."""
        context = Context(
            self._database, ORIGIN, TokenPolicy(SECRET_KEY), principal, self._vault, sender=self._sender
        )
        request = OperationRequest(document, orjson.loads(orjson.dumps(variables, default=str)))
        return orjson.loads((await self._api.execute(request, context)).body)

    async def data(self, principal: Principal, document: str, **variables: object) -> Any:
        """`data` of a response without errors."""
        response = await self.response(principal, document, **variables)
        assert "errors" not in response, response["errors"]
        return response["data"]

    async def refusal(self, principal: Principal | None, document: str, **variables: object) -> Any:
        """`code` and `field` of the one error."""
        response = await self.response(principal, document, **variables)
        (error,) = response["errors"]
        return error["extensions"]["code"], error["extensions"].get("field")
