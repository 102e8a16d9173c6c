"""A search makes no vector of a row that its viewer may not see, whichever way the list is asked."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from models.search import PLAIN, TSVECTOR
from tests.integration.reading.conftest import CATALOG, Asker
from tests.integration.reading.test_search import SEARCHED, listing, makers
from tests.support.factories import make_user

HIDDEN = "hidden 東京都の設定"
SEARCHES = ("nothing", "東京", "東京都の設定", "東", "hidden 設定")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "best first": {},
    "own order": {"orderBy": [{"id": "DESC"}], "first": 3},
    "by time": {"orderBy": [{"createdAt": "DESC"}]},
    "filtered": {"where": {"id": {"isNull": False}}, "last": 3},
}


@pytest.mark.parametrize("analyzed", [True, False], ids=["statistics", "no statistics"])
@pytest.mark.parametrize("rows", [1, 60])
async def test_a_search_looks_at_no_text_of_a_row_that_its_viewer_may_not_see(
    asker: Asker, connection: AsyncConnection, rows: int, analyzed: bool
) -> None:
    ann, ben = await make_user(connection), await make_user(connection)
    for make in (await makers(connection, ann)).values():
        for _ in range(rows):
            await make(HIDDEN)
    for make in (await makers(connection, ben)).values():
        await make("東京都の設定")
    if analyzed:
        await connection.exec_driver_sql("ANALYZE")
    for function in (TSVECTOR, PLAIN):
        trap = "BEGIN\n    IF document LIKE 'hidden %' THEN RAISE 'looked at'; END IF;\n"
        await connection.exec_driver_sql(function.replace("BEGIN\n", trap, 1).replace("%", "%%"))

    for name in SEARCHED:
        for way, arguments in ARGUMENTS.items():
            if way == "by time" and "createdAt" not in CATALOG.types[name].columns:
                continue
            for search in SEARCHES:
                found = (await asker.ask(listing(name), ben, search=search, **arguments))["list"]
                assert len(found["nodes"]) == found["totalCount"] == (search in SEARCHES[1:4]), (name, way)
