"""Text search over Japanese and other languages, through the documented indexes."""

import asyncpg
import pytest

from models.search import MARKS, SEARCHES
from tests.integration.database.catalog import Connection

CASES = [
    ("東京都の設定", "東京", True),
    ("京東", "東京", False),
    ("京都と東京", "東京都", False),
    ("東京都の設定", "東京 設定", True),
    ("東京都の設定", "東", True),
    ("東京都の設定", "大", False),
    ("サーバーを再起動しました", "サーバー", True),
    ("ｻｰﾊﾞｰを再起動しました", "サーバー", True),
    ("サーバーを再起動しました", "ｻｰﾊﾞｰ", True),
    ("データベース接続エラー: timeout", "エラー timeout", True),
    ("データベース接続エラー: timeout", "エラー refused", False),
    ("設定errorを確認", "error 確認", True),
    ("ＥＲＲＯＲ 発生", "error", True),
    ("서버를 다시 시작했습니다", "서버", True),
    ("人々の声", "人々", True),
    ("𠮷野家", "𠮷野", True),
    ("Connection refused by host", "refused connection", True),
    ("Connection refused by host", "refuse", False),
    ("Le café est fermé", "CAFÉ", True),
    ("東京都 市の設定", "東京都の設定", False),
    ("設定の東京都、東京の設定", "東京都の設定", False),
    ("東京 100%の設定", "東京 100%の設定", True),
    ("東京 10の設定_", "設定_ 東京 _", True),
    ("ｻｰﾊﾞｰを再起動", "サーバーを 再起動", True),
    ("", "東京都の設定", False),
    ("anything", "...", False),
    ("anything", "", False),
    ("", "anything", False),
]


@pytest.mark.parametrize(("document", "search", "found"), CASES)
async def test_a_document_is_found_by_its_words(
    passing: Connection, document: str, search: str, found: bool
) -> None:
    result = await passing.fetchval("SELECT ccgraph_tsvector($1) @@ ccgraph_tsquery($2)", document, search)
    condition = " AND ".join(SEARCHES["system_logs"].conditions("log", "$2"))
    same = await passing.fetchval(
        f"SELECT {condition} FROM (SELECT $1::text AS message) AS log", document, search
    )
    assert bool(result) is bool(same) is found


@pytest.mark.parametrize(
    ("document", "vector"),
    [
        (
            "東京都の設定 error 東京 都",
            "'error':12 'の設':4 '京':9 '京都':2 '定':6 '東京':1,8 '設定':5 '都':11 '都の':3",
        ),
        ("ｻｰﾊﾞｰを 再a起動", "'a':11 'を':5 'サー':1 'バー':3 'ーを':4 'ーバ':2 '再':7 '動':10 '起動':9"),
        ("東 京", "'京':3 '東':1"),
        ("々々々", "'々':3 '々々':1,2"),
    ],
)
async def test_a_vector_has_each_pair_at_the_place_of_its_first_character(
    passing: Connection, document: str, vector: str
) -> None:
    assert await passing.fetchval("SELECT ccgraph_tsvector($1)::text", document) == vector


RANKED = (
    "東京",
    "設定",
    "サー",
    "ｻｰ",
    "々々",
    "東",
    "東京都",
    "東京 設定",
    "error",
    "東京 error",
    "",
    "é京",
    "京-",
)


@pytest.mark.parametrize(
    "document",
    [
        "東京都の設定",
        "東京の東京",
        "京都の東京。京都 東京 設定",
        "ｻｰﾊﾞｰとサーバー",
        "々々々",
        "設定" * 300,
        "東 京 error 東-京",
        "東京" + "あ" * 20_000 + "設定",
        "nothing",
        "",
    ],
)
async def test_a_row_is_ranked_as_its_vector_is(passing: Connection, document: str) -> None:
    logs = SEARCHES["system_logs"]
    ranks = (
        f"{logs.rank('log', '$2')} AS rank, ts_rank({logs.vector('log')}, {logs.query('$2')}) AS of_vector"
    )
    statement = f"SELECT {ranks} FROM (SELECT $1::text AS message) AS log"
    for search in RANKED:
        row = await passing.fetchrow(statement, document, search)
        assert row is not None
        assert row["rank"] == row["of_vector"], search


@pytest.mark.parametrize(
    ("path", "search", "found"),
    [
        ("/srv/app/search_index.py", "search", True),
        ("/srv/app/search_index.py", "search_index.py", True),
        ("/srv/app/search_index.py", "app/search", True),
        ("/srv/app/search_index.py", "research", False),
        ("/srv/設定/東京-大阪.yaml", "大阪", True),
        ("/srv/設定/東京都-大阪市.yaml", "東京都/大阪市", True),
        ("/srv/app/README.md", "readme", True),
    ],
)
async def test_a_path_is_found_by_its_parts(passing: Connection, path: str, search: str, found: bool) -> None:
    files = SEARCHES["file_operations"]
    condition = " AND ".join(files.conditions("f", "$2"))
    query = f"SELECT {condition} FROM (SELECT $1::text AS file_path) AS f"
    assert await passing.fetchval(query, path, search) is found


@pytest.mark.parametrize("table", sorted(SEARCHES))
async def test_a_search_is_answered_by_the_tables_index(passing: Connection, table: str) -> None:
    await passing.execute("SET LOCAL enable_seqscan = off")
    search = SEARCHES[table]
    condition = " AND ".join(search.conditions("t", "'東京都'"))
    rows = await passing.fetch(f"EXPLAIN SELECT FROM {table} AS t WHERE {condition}")
    plan = "\n".join(row[0] for row in rows)
    assert "Bitmap Index Scan" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("word " * 400_000, id="two megabytes of words"),
        pytest.param("東京都の設定" * 300_000, id="megabytes of Japanese"),
        pytest.param("".join(chr(0x4E00 + n * 7919 % 20000) for n in range(200_000)), id="every character"),
        pytest.param(" ".join(f"{n:x}" for n in range(400_000)), id="hundreds of thousands of words"),
        pytest.param("a" * 2_000_000, id="one long word"),
        pytest.param("/".join(f"{n:x}.{n:o}" for n in range(200_000)), id="one long path"),
    ],
)
async def test_a_message_of_any_length_can_be_logged(passing: Connection, text: str) -> None:
    await passing.execute(
        "INSERT INTO system_logs (level, category, module, message) VALUES ('INFO', 'c', 'm', $1)", text
    )
    assert await passing.fetchval("SELECT length(message) FROM system_logs") == len(text)


async def test_analyze_computes_no_vectors_in_any_partition(passing: Connection) -> None:
    await passing.execute("SELECT ccgraph_create_partitions(months_ahead => 5)")
    sampled = await passing.fetch(
        "SELECT indrelid::regclass::text AS name, attstattarget = 0 AS is_left_out"
        " FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_attribute ON attrelid = indexrelid"
        " WHERE relkind = 'i' AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'"
    )
    assert {*SEARCHES} - {row["name"] for row in sampled} == {"cc_logs", "file_operations", "system_logs"}
    assert len(sampled) > len(SEARCHES) + 3 * 5
    assert all(row["is_left_out"] for row in sampled)


async def test_the_functions_are_immutable_and_may_run_in_parallel(passing: Connection) -> None:
    rows = await passing.fetch(
        "SELECT provolatile::text, proparallel::text FROM pg_proc"
        " WHERE proname ~ '^ccgraph_(tsvector|tsquery|candidates|phrases|lone_pair)$'"
    )
    assert [tuple(row) for row in rows] == [("i", "s")] * 5


async def test_an_index_can_be_built_without_a_search_path_as_a_restore_does(
    plain: Connection, database_url: str
) -> None:
    await plain.execute(
        "INSERT INTO system_logs (level, category, module, message) VALUES ('INFO', 'c', 'm', '東京都の設定')"
    )
    connection = await asyncpg.connect(database_url, server_settings={"search_path": ""})
    try:
        await connection.execute(
            "CREATE INDEX again ON public.system_logs USING gin (public.ccgraph_tsvector(message))"
        )
    finally:
        await connection.close()


async def test_no_text_keeps_postgresql_busy_with_its_marks(passing: Connection) -> None:
    logs = SEARCHES["system_logs"]
    await passing.execute("SET LOCAL statement_timeout = '2s'")
    condition = " AND ".join(logs.conditions("log", "$1"))
    for marks in ("\u0301\u0323", "\u0301\uff9e", "\u0f73", "\u0345\u0334"):
        for text in (
            marks * 20_000,
            "a" + marks * 20_000,
            f"東京{marks * 20_000}都",
            marks * 15 + " " + marks * 500,
        ):
            await passing.fetchval("SELECT ccgraph_tsvector($1)", text)
            await passing.fetchval("SELECT ccgraph_tsquery($1)", text)
            await passing.fetchval(f"SELECT {condition} FROM (SELECT $1::text AS message) AS log", text)
            await passing.fetchval(
                f"SELECT {logs.rank('log', '$2')} FROM (SELECT $1::text AS message) AS log", text, "東京"
            )


async def test_a_word_with_as_many_marks_as_any_language_writes_is_found(passing: Connection) -> None:
    for word in ("e\u0301", "o" + "\u0302\u0323" * 15, "ｶﾞ", "שָׁלוֹם"):
        found = await passing.fetchval("SELECT ccgraph_tsvector($1) @@ ccgraph_tsquery($1)", f"{word} x")
        assert found, word


async def test_every_mark_that_postgresql_sorts_is_known(passing: Connection) -> None:
    # U+0345 has the highest class of all: what is sorted before it is a mark, or begins with one.
    unknown = await passing.fetch(
        "SELECT code FROM generate_series(1, 1114111) AS code WHERE code NOT BETWEEN 55296 AND 57343"
        " AND left(normalize(chr(837) || chr(code), NFKD), 1) <> chr(837) AND chr(code) !~ $1",
        f"[{MARKS}]",
    )
    assert [hex(row["code"]) for row in unknown] == []
