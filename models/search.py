"""Text search: Japanese, Chinese and Korean by pairs of characters, the rest by words (decision 13).

Both functions run on a stock server and call nothing outside pg_catalog, so that indexes that rest on them
can be restored from a dump.
"""

from dataclasses import dataclass

# Iteration mark and zero, Hiragana, Katakana with the prolonged sound mark, Han with its extensions, Hangul.
CJK = "々〇ぁ-ゖゝ-ゟァ-ヺー-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿ᄀ-ᇿ㄰-㆏가-힣𠀀-𿿿"

# Combining marks of all scripts, as a regular expression of PostgreSQL writes them: what `normalize` sorts.
# Those that Unicode added after the tables of the oldest server of ours are among them.
MARKS = (
    r"\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u05BF-\u05C7\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06DC"
    r"\u06DF-\u06E4\u06E7-\u06ED\u0711\u0730-\u074A\u07EB-\u07F3\u07FD\u0816-\u0819\u081B-\u0823"
    r"\u0825-\u0827\u0829-\u082D\u0859-\u085B\u0897-\u089F\u08CA-\u08E1\u08E3-\u08FF\u093C\u094D"
    r"\u0951-\u0954\u09BC\u09CD\u09FE\u0A3C\u0A4D\u0ABC\u0ACD\u0B3C\u0B4D\u0BCD\u0C3C\u0C4D-\u0C56\u0CBC"
    r"\u0CCD\u0D3B-\u0D3C\u0D4D\u0DCA\u0E38-\u0E3A\u0E48-\u0E4B\u0EB8-\u0EBA\u0EC8-\u0ECB\u0F18-\u0F19"
    r"\u0F35-\u0F39\u0F71-\u0F87\u0FC6\u1037-\u103A\u108D\u135D-\u135F\u1714-\u1715\u1734\u17D2\u17DD"
    r"\u18A9\u1939-\u193B\u1A17-\u1A18\u1A60\u1A75-\u1A7F\u1AB0-\u1AFF\u1B34\u1B44\u1B6B-\u1B73"
    r"\u1BAA-\u1BAB\u1BE6\u1BF2-\u1BF3\u1C37\u1CD0-\u1CE8\u1CED\u1CF4\u1CF8-\u1CF9\u1DC0-\u1DFF"
    r"\u20D0-\u20FF\u2CEF-\u2CF1\u2D7F\u2DE0-\u2DFF\u302A-\u302F\u3099-\u309A\uA66F-\uA67D\uA69E-\uA69F"
    r"\uA6F0-\uA6F1\uA806\uA82C\uA8C4\uA8E0-\uA8F1\uA92B-\uA92D\uA953\uA9B3\uA9C0\uAAB0\uAAB2-\uAAB4"
    r"\uAAB7-\uAAB8\uAABE-\uAABF\uAAC1\uAAF6\uABED\uFB1E\uFE20-\uFE2F\uFF9E-\uFF9F\U000101FD\U000102E0"
    r"\U00010376-\U0001037A\U00010A0D-\U00010A0F\U00010A38-\U00010A3F\U00010AE5-\U00010AE6"
    r"\U00010D24-\U00010D27\U00010D69-\U00010D6D\U00010EAB-\U00010EAC\U00010EFA-\U00010EFF"
    r"\U00010F46-\U00010F50\U00010F82-\U00010F85\U00011046\U00011070\U0001107F\U000110B9-\U000110BA"
    r"\U00011100-\U00011102\U00011133-\U00011134\U00011173\U000111C0\U000111CA\U00011235-\U00011236"
    r"\U000112E9-\U000112EA\U0001133B-\U0001133C\U0001134D\U00011366-\U00011374\U000113CE-\U000113D0"
    r"\U000113E1-\U000113E2\U00011442-\U00011446\U0001145E\U000114C2-\U000114C3\U000115BF-\U000115C0"
    r"\U0001163F\U000116B6-\U000116B7\U0001172B\U00011839-\U0001183A\U0001193D-\U0001193E\U00011943"
    r"\U000119E0\U00011A34\U00011A47\U00011A99\U00011C3F\U00011D42-\U00011D45\U00011D97"
    r"\U00011F41-\U00011F42\U0001612F\U00016AF0-\U00016AF4\U00016B30-\U00016B36\U00016FF0-\U00016FF1"
    r"\U0001BC9E\U0001D165-\U0001D172\U0001D17B-\U0001D18B\U0001D1AA-\U0001D1AD\U0001D242-\U0001D244"
    r"\U0001E000-\U0001E02A\U0001E08F\U0001E130-\U0001E136\U0001E2AE\U0001E2EC-\U0001E2EF"
    r"\U0001E4EC-\U0001E4EF\U0001E5EE-\U0001E5EF\U0001E8D0-\U0001E8D6\U0001E944-\U0001E94A"
)

# PostgreSQL sorts the marks behind a letter in quadratic time: 40,000 of them keep it busy for 13 seconds.
# Unicode knows no text with more than these in a row (UAX 15, Stream-Safe Text Format).
MOST_MARKS = 30

DOCUMENT = 40_000
"""Characters of a text other than ASCII that are looked at."""


def key_of_text(column: str) -> str:
    """SQL for a number by which equal texts are found, also those that are too long for an index."""
    return f"hashtextextended({column}, 0)"


def _plain(document: str, most: int) -> str:
    """SQL for the first characters of a text, normalised in linear time."""
    few = rf"([{MARKS}]{{{MOST_MARKS}}})[{MARKS}]+"
    return f"normalize(regexp_replace(left({document}, {most}), '{few}', '\\1', 'g'), NFKC)"


# A vector takes as long as thousands of comparisons. PostgreSQL believes that all functions take the same
# time unless it is told, and would make vectors of all rows of a small table, also of rows that the viewer
# may not see, before it asks anything else of them.
COST = 100_000

TSVECTOR = f"""
CREATE OR REPLACE FUNCTION ccgraph_tsvector(document text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST {COST} AS $$
DECLARE
    cjk CONSTANT text := '{CJK}';
    plain text;
    runs text;
    letters text[];
BEGIN
    -- The limits keep the largest possible vector below the 1 MB that PostgreSQL allows.
    IF octet_length(document) = length(document) THEN
        RETURN to_tsvector('simple', left(document, 200000));
    END IF;
    plain := {_plain("document", DOCUMENT)};
    runs := regexp_replace(plain, '[^' || cjk || ']+', ' ', 'g');
    IF runs = ' ' THEN
        RETURN to_tsvector('simple', plain);
    END IF;
    -- Each pair of neighbours at the place of its first character, and the last character of a run alone.
    letters := string_to_array(runs, NULL);
    RETURN (
        SELECT string_agg(letter || COALESCE(NULLIF(next, ' '), '') || ':' || place, ' ')::tsvector
        FROM unnest(letters, letters[2:]) WITH ORDINALITY AS pairs (letter, next, place)
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
    plain CONSTANT text := {_plain("search", 1000)};
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

# In PL/pgSQL, since a function in SQL would be written into the statement, and its cost forgotten.
PLAIN = f"""
CREATE OR REPLACE FUNCTION ccgraph_plain(document text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST {COST} AS $$
BEGIN
    IF octet_length(document) = length(document) THEN
        RETURN left(document, {DOCUMENT});
    END IF;
    RETURN {_plain("document", DOCUMENT)};
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
    FROM regexp_matches({_plain("search", 1000)}, '[{CJK}]{{3,}}', 'g') AS found (run)
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

FUNCTIONS = (TSVECTOR, TSQUERY, PLAIN, CANDIDATES, PHRASES, LONE_PAIR)


@dataclass(frozen=True, slots=True)
class Texts:
    """A table that has each text of a `column` of the searched table once or more, with its vector."""

    table: str
    text: str
    vector: str
    column: str


@dataclass(frozen=True, slots=True)
class Search:
    """The columns of a table that `search` looks at.

    `parts` are SQL texts in which `{0}` stands before a column's name; `split` says that words also end
    at / . _ and -, as the parts of paths and method names do.

    `texts` is where the distinct texts of the table are kept; None where each row has its own.
    """

    parts: tuple[str, ...]
    split: bool = False
    texts: "Texts | None" = None

    def vector(self, alias: str | None = None) -> str:
        """The tsvector of a row, exactly as the GIN index has it: `ccgraph_tsvector(t.message)`."""
        return f"ccgraph_tsvector({self._document(alias)})"

    def query(self, parameter: str) -> str:
        """The tsquery of a search string, given as SQL: `ccgraph_tsquery($1)`."""
        return f"ccgraph_tsquery({self._separate(parameter)})"

    def conditions(self, alias: str, parameter: str) -> tuple[str, str]:
        """The two conditions of `vector(alias) @@ query(parameter)`: quick where many rows are found.

        The first is what an index answers: which rows have all words, and all pairs of characters wherever
        they stand. The second looks for phrases in the texts of these rows:

        `ccgraph_tsvector(t.message) @@ (SELECT ccgraph_candidates($1))` and
        `((SELECT ccgraph_phrases($1)) = '{}'
        OR ccgraph_plain(t.message) LIKE ALL ((SELECT ccgraph_phrases($1))::text[]))`
        """
        search = self._separate(parameter)
        phrases = f"(SELECT ccgraph_phrases({search}))"
        return (
            f"{self.vector(alias)} @@ (SELECT ccgraph_candidates({search}))",
            f"({phrases} = '{{}}' OR {self._text(alias)} LIKE ALL ({phrases}::text[]))",
        )

    def rank(self, alias: str, parameter: str) -> str:
        """SQL for `ts_rank(vector(alias), query(parameter))`, quicker where a pair of characters stands once.

        `CASE WHEN cardinality(string_to_array(ccgraph_plain(t.message),
        (SELECT ccgraph_lone_pair($1)))) = 2 THEN ...
        ELSE ts_rank(ccgraph_tsvector(t.message), (SELECT ccgraph_tsquery($1))) END`
        """
        pair = f"(SELECT ccgraph_lone_pair({self._separate(parameter)}))"
        return (
            f"CASE WHEN {pair} IS NOT NULL AND cardinality(string_to_array({self._text(alias)}, {pair})) = 2"
            " THEN ts_rank('a:1'::tsvector, 'a'::tsquery)"
            f" ELSE ts_rank({self.vector(alias)}, (SELECT {self.query(parameter)})) END"
        )

    def ranks(self, parameter: str) -> str:
        """A query for the table's distinct texts that match, with what `rank` says of a row with each."""
        if self.texts is None:
            raise TypeError("The texts of this table are kept nowhere else")
        query = f"(SELECT {self.query(parameter)})"
        texts = self.texts
        # As double precision its JSON form has every digit, so that a cursor continues exactly.
        return (
            f"SELECT DISTINCT {key_of_text(texts.text)} AS key, {texts.text} AS text,"
            f" ts_rank({texts.vector}, {query})::double precision AS rank\nFROM {texts.table}"
            f"\nWHERE {texts.vector} @@ {query}"
        )

    def _text(self, alias: str) -> str:
        """A row's text as far as it is indexed and may hold a phrase."""
        return f"ccgraph_plain({self._document(alias)})"

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
    "file_operations": Search(
        ("{0}file_path",), split=True, texts=Texts("file_paths", "path", "words", "file_path")
    ),
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
