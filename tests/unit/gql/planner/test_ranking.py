"""Pages of the best first: what is looked up by text, what is walked, and what remains."""

from gql.planner.order import compile_order
from gql.planner.ranking import COMBINATIONS, LONGEST_WALK, LOOKED_UP, WALKS, Ranking, by_text
from models.policy import SmallSet
from models.search import Texts
from tests.unit.gql.planner.clauses import CATALOG, asked, statement

TEXTS = Texts("file_paths", "path", "words", "file_path")
SEEN = SmallSet(("seen$1",), "few", "f.session_id IN (SELECT key FROM seen$1)", "among", (), handful=False)


def page(small: SmallSet | None = None, count: int = 21) -> str:
    """The best operations on files behind a cursor, of which some match."""
    made = statement(is_admin=small is None)
    given = asked('search: "a"').arguments(made.env)
    order = by_text(made, compile_order(made, CATALOG.types["FileOperation"], "f", given))
    return Ranking(
        statement=made,
        texts=TEXTS,
        ranks="SELECT the ranks",
        small=small,
        table="file_operations",
        alias="f",
        order=order,
        behind=["f.id < 9"],
        within=["rank <= 0.5"],
        matches="the matches",
        rank="the rank",
        count=count,
    ).compile()


def test_the_rank_is_that_of_the_text() -> None:
    made = statement()
    given = asked('search: "a"').arguments(made.env)
    order = by_text(made, compile_order(made, CATALOG.types["FileOperation"], "f", given))
    assert order.text(reverse=False).startswith("ranked$1.rank DESC, ")


def test_few_texts_are_looked_up_one_by_one_and_many_are_a_crowd() -> None:
    text = page()
    assert f"WHERE texts > {LOOKED_UP}\n" in text
    assert "WHERE rank > coalesce((SELECT rank FROM crowd$1), '-infinity') AND rank <= 0.5" in text
    assert "COALESCE(f.file_path = ranked$1.text, false) AND f.id < 9" in text


def test_who_sees_all_walks_the_newest_rows_first_a_little_and_then_farther() -> None:
    assert [text.count("AS MATERIALIZED (") for text in (page(), page(SEEN))] == [3 + len(WALKS), 3]
    for walk in WALKS:
        assert f"LIMIT {21 * walk}\n" in page()
    assert f"LIMIT {LONGEST_WALK}\n" in page(count=1_000)


def test_a_viewer_s_rows_are_looked_up_by_each_key_and_each_text() -> None:
    text = page(SEEN)
    assert f"WHERE texts * ((SELECT count(*) FROM seen$1)) > {COMBINATIONS}\n" in text
    assert text.count(SEEN.gathered) == 1, "where rows are looked up; the matches are the viewer's already"


def test_what_the_page_still_lacks_is_found_among_all_matches() -> None:
    rest = page(SEEN).partition("UNION ALL (\n")[2]
    assert rest.startswith("SELECT ")
    assert "FROM the matches\nCROSS JOIN LATERAL (SELECT the rank AS rank) AS ranked$1" in rest
    assert (
        "(SELECT count(*) FROM best$1) < 21 AND ranked$1.rank <= (SELECT rank FROM crowd$1) AND f.id < 9"
        in rest
    )
