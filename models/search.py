"""Text search: Japanese, Chinese and Korean by pairs of characters, the rest by words (decisions.md 13).

Both functions run on a stock server and call nothing outside pg_catalog, so that indexes that rest on them
can be restored from a dump.
"""

from dataclasses import dataclass

# Iteration mark and zero, Hiragana, Katakana with the prolonged sound mark, Han with its extensions, Hangul.
CJK = "々〇ぁ-ゖゝ-ゟァ-ヺー-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿ᄀ-ᇿ㄰-㆏가-힣𠀀-𿿿"

TSVECTOR = f"""
CREATE OR REPLACE FUNCTION ccgraph_tsvector(document text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    cjk CONSTANT text := '{CJK}';
    plain text;
    runs text;
BEGIN
    -- The limits keep the largest possible vector below the 1 MB that PostgreSQL allows.
    IF octet_length(document) = length(document) THEN
        RETURN to_tsvector('simple', left(document, 200000));
    END IF;
    plain := normalize(left(document, 40000), NFKC);
    runs := regexp_replace(plain, '[^' || cjk || ']+', ' ', 'g');
    IF runs = ' ' THEN
        RETURN to_tsvector('simple', plain);
    END IF;
    -- Each pair of neighbours at the place of its first character, and the last character of a run alone.
    RETURN (
        SELECT string_agg(letter || trim(next) || ':' || place, ' ')::tsvector
        FROM (
            SELECT letter, place, lead(letter, 1, ' ') OVER (ORDER BY place) AS next
            FROM unnest(string_to_array(runs, NULL)) WITH ORDINALITY AS split (letter, place)
        ) AS pairs
        WHERE letter <> ' '
    ) || to_tsvector('simple', regexp_replace(plain, '[' || cjk || ']+', ' ', 'g'));
END
$$
"""

TSQUERY = f"""
CREATE OR REPLACE FUNCTION ccgraph_tsquery(search text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    run CONSTANT text := '[{CJK}]+';
    plain CONSTANT text := normalize(left(search, 1000), NFKC);
    other CONSTANT text := regexp_replace(plain, run, ' ', 'g');
    words CONSTANT tsquery := CASE WHEN other ~ '\\S' THEN plainto_tsquery('simple', other) END;
    phrases tsquery;
BEGIN
    -- A run of several characters is the phrase of its pairs, so that it is found in this order only.
    -- A single character is what a pair begins with, or the last of a run.
    SELECT string_agg('(' || COALESCE(phrase, word[1] || ':*') || ')', ' & ')::tsquery INTO phrases
    FROM regexp_matches(plain, run, 'g') AS found (word),
        LATERAL (
            SELECT string_agg(substr(word[1], place, 2), ' <-> ' ORDER BY place) AS phrase
            FROM generate_series(1, length(word[1]) - 1) AS place
        ) AS pairs;
    RETURN COALESCE(words && phrases, words, phrases);
END
$$
"""

# A phrase is found by the pairs in it, wherever they stand, and then looked for in the text itself.
# PostgreSQL would make the vector of every row with these pairs anew, a tenth of a millisecond each.
CANDIDATES = """
CREATE OR REPLACE FUNCTION ccgraph_candidates(search text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT replace(ccgraph_tsquery(search)::text, '<->', '&')::tsquery
$$
"""

# Patterns for LIKE. A run of two characters is one pair, which the index knows exactly.
PHRASES = f"""
CREATE OR REPLACE FUNCTION ccgraph_phrases(search text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT COALESCE(array_agg('%' || run[1] || '%'), '{{}}')
    FROM regexp_matches(normalize(left(search, 1000), NFKC), '[{CJK}]{{3,}}', 'g') AS found (run)
$$
"""

# NULL for any other search, also for a pair of equals, which may overlap itself.
LONE_PAIR = f"""
CREATE OR REPLACE FUNCTION ccgraph_lone_pair(search text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT pair[1] FROM regexp_matches(ccgraph_tsquery(search)::text, '^''([{CJK}]{{2}})''$') AS found (pair)
    WHERE left(pair[1], 1) <> right(pair[1], 1)
$$
"""

FUNCTIONS = (TSVECTOR, TSQUERY, CANDIDATES, PHRASES, LONE_PAIR)


@dataclass(frozen=True, slots=True)
class Search:
    """What `search` looks at in a table.

    `parts` are SQL texts in which `{0}` stands before a column's name; `split` says that words also end
    at / . _ and -, as the parts of paths and method names do.
    """

    parts: tuple[str, ...]
    split: bool = False

    def vector(self, alias: str | None = None) -> str:
        """The tsvector of a row, exactly as the GIN index has it: `ccgraph_tsvector(t.message)`."""
        return f"ccgraph_tsvector({self._document(alias)})"

    def query(self, parameter: str) -> str:
        """The tsquery of a search string, given as SQL: `ccgraph_tsquery($1)`."""
        return f"ccgraph_tsquery({self._separate(parameter)})"

    def condition(self, alias: str, parameter: str) -> str:
        """What `vector(alias) @@ query(parameter)` says, in a way that is quick where many rows are found.

        `ccgraph_tsvector(t.message) @@ (SELECT ccgraph_candidates($1))
        AND ((SELECT ccgraph_phrases($1)) = '{}'
        OR normalize(left(t.message, 40000), NFKC) LIKE ALL ((SELECT ccgraph_phrases($1))::text[]))`
        """
        search = self._separate(parameter)
        phrases = f"(SELECT ccgraph_phrases({search}))"
        return (
            f"{self.vector(alias)} @@ (SELECT ccgraph_candidates({search}))"
            f" AND ({phrases} = '{{}}' OR {self._text(alias)} LIKE ALL ({phrases}::text[]))"
        )

    def rank(self, alias: str, parameter: str) -> str:
        """What `ts_rank(vector(alias), query(parameter))` is, sooner where a pair of characters stands once.

        `CASE WHEN cardinality(string_to_array(normalize(left(t.message, 40000), NFKC),
        (SELECT ccgraph_lone_pair($1)))) = 2 THEN ...
        ELSE ts_rank(ccgraph_tsvector(t.message), (SELECT ccgraph_tsquery($1))) END`
        """
        pair = f"(SELECT ccgraph_lone_pair({self._separate(parameter)}))"
        return (
            f"CASE WHEN {pair} IS NOT NULL AND cardinality(string_to_array({self._text(alias)}, {pair})) = 2"
            " THEN ts_rank('a:1'::tsvector, 'a'::tsquery)"
            f" ELSE ts_rank({self.vector(alias)}, (SELECT {self.query(parameter)})) END"
        )

    def _text(self, alias: str) -> str:
        """A row's text as far as it is indexed and may hold a phrase."""
        return f"normalize(left({self._document(alias)}, 40000), NFKC)"

    def _document(self, alias: str | None) -> str:
        prefix = "" if alias is None else f"{alias}."
        return self._separate(" || ' ' || ".join(part.format(prefix) for part in self.parts))

    def _separate(self, text: str) -> str:
        return f"translate({text}, '/._-', '    ')" if self.split else text


SEARCHES = {
    "projects": Search(("{0}name", "COALESCE({0}description, '')")),
    "tasks": Search(("{0}name", "COALESCE({0}description, '')")),
    "system_logs": Search(("{0}message",)),
    "cc_logs": Search(("{0}message",)),
    "file_operations": Search(("{0}file_path",), split=True),
    "mcp_messages": Search(
        (
            # Every word costs at each insert, and these messages come by the thousand.
            "COALESCE({0}method, '')",
            "COALESCE({0}params ->> 'name', '')",
            "COALESCE({0}error ->> 'message', '')",
        ),
        split=True,
    ),
}
