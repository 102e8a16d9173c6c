"""Any other question: query."""

from typing import Annotated

import orjson
from pydantic import Field

from app.mcp.answers import LONGEST, is_whole
from app.mcp.call import Call
from app.mcp.tool import tool
from app.mcp.values import Data, Given, Part, Told
from services.core.errors import BadInput


class Query(Given):
    """A GraphQL query."""

    query: Annotated[str, Field(min_length=1, description="The document; it changes nothing.")]
    variables: Annotated[dict[str, Data] | None, Field(description="Values of its variables.")] = None
    operation_name: str | None = None


class QueryError(Part):
    """Something that is wrong with a part of the answer."""

    message: str
    code: str | None = None


class Answer(Told):
    """The response."""

    data: Data = None
    errors: list[QueryError] | None = None

    def text(self) -> str:
        """The same as JSON."""
        return orjson.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True)).decode()


@tool("Query", read_only=True)
async def query(call: Call, given: Query) -> Answer:
    """Run a GraphQL query (never a mutation) as yourself, for whatever the other tools do not tell:
    logs, sessions, usage, history. Select few fields and rows: an answer has at most 10,000 characters.
    Introspection shows what there is.
    """
    body = await call.reads.query(given.query, given.variables, given.operation_name)
    answer = orjson.loads(body)
    errors = [
        QueryError(message=entry["message"], code=entry.get("extensions", {}).get("code"))
        for entry in answer.get("errors", ())
    ]
    if errors and answer.get("data") is None:
        raise BadInput("; ".join(error.message for error in errors[:3]), field="query")
    made = Answer(data=answer["data"], errors=errors or None)
    if not is_whole(made):
        raise BadInput(
            f"The answer has {len(body.decode()):,} characters, and about {LONGEST * 2 // 5:,} fit: select "
            "fewer fields, or fewer rows with `first`, and go on with `after`.",
            field="query",
        )
    return made
