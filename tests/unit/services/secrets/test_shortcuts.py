"""What makes masking fast changes nothing of what is masked: each short cut beside the long way."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from services.secrets import commands, texts
from services.secrets.masking import mask, mask_all
from services.secrets.stems import STEM, STEMS, any_of
from tests.support.secret_forms import cases, innocents

PLAIN_STEM = re.compile("|".join(map(re.escape, sorted(STEMS, key=len, reverse=True))))
PLAIN_NAME = re.compile(r"[\w.$-]*$")
WORDS = st.text(st.sampled_from("abpw"), min_size=1, max_size=4)
PIECES = st.lists(
    st.sampled_from([*STEMS, "x", "é", "鍵", "²", "_", ".", "$", "-", "\n", " ", "p", "pas", "_ur"]),
    max_size=12,
).map("".join)
TEXTS = [
    json.dumps(value, ensure_ascii=False).replace("\\n", "\n")
    for value in [*(case.value for case in cases("forms", 1)), *innocents("innocents")]
]
LINES = (
    "echo root:x7Kq9fZ2 | chpasswd",
    "echo x7Kq9fZ2 | docker login --password-stdin",
    "echo x7Kq9fZ2 | sudo -S ls",
    "printf x7Kq9fZ2 | gh auth login --with-token",
    "openssl rsa -passin pass:x7Kq9fZ2",
    "htpasswd -cb .htpasswd ann x7Kq9fZ2",
    "net user ann x7Kq9fZ2",
    "vault login x7Kq9fZ2",
    "rabbitmqctl add_user ann x7Kq9fZ2",
    "gh secret set NAME --body x7Kq9fZ2",
    "npm config set //host/:_authToken x7Kq9fZ2",
    "git config\t--global\thub.token x7Kq9fZ2",
    "wpa_passphrase net x7Kq9fZ2",
    "keytool -storepass x7Kq9fZ2 -keypass x7Kq9fZ2",
    "keytool -srcstorepass x7Kq9fZ2",
    "keytool -deststorepass x7Kq9fZ2",
    "sqlplus ann/x7Kq9fZ2@db",
)
"""One at least of each command line."""


@given(st.lists(WORDS, min_size=1, max_size=8, unique=True), st.text(st.sampled_from("abpw "), max_size=20))
def test_a_pattern_of_many_words_finds_the_longest_as_an_alternation_does(
    words: list[str], text: str
) -> None:
    plain = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
    found = [match.span() for match in re.finditer(any_of(words), text)]
    assert found == [match.span() for match in plain.finditer(text)]


@given(PIECES)
def test_the_stems_of_names_are_found_as_before(text: str) -> None:
    spans = [match.span() for match in STEM.finditer(text)]
    assert spans == [match.span() for match in PLAIN_STEM.finditer(text)]


@given(PIECES, st.integers(0, 20), st.integers(0, 20))
def test_the_beginning_of_a_name_is_found_as_before(text: str, first: int, end: int) -> None:
    first, end = sorted((min(first, len(text)), min(end, len(text))))
    found = PLAIN_NAME.search(text, first, end)
    assert texts._name_begins(text, first, end) == (found.start() if found else end)


def test_what_a_command_line_needs_stands_in_each_that_is_masked() -> None:
    seen = set()
    for text in [*TEXTS, *LINES]:
        for hint, needs, pattern in commands._OTHERS:
            if pattern.search(text):
                seen.add(hint)
                assert hint in text
                assert not needs or any(need in text for need in needs), (hint, text)
    assert seen == {hint for hint, _, _ in commands._OTHERS}


def test_what_a_pair_or_a_line_of_pgpass_needs_stands_in_each_that_is_masked() -> None:
    lines = [*TEXTS, "db.example:5432:app:ann:x7Kq9fZ2", "*:*:*:ann:x7Kq9fZ2"]
    pairs = [text for text in lines if texts._PAIR.search(text)]
    files = [text for text in lines if texts._PGPASS.search(text)]
    assert len(pairs) > 2
    assert len(files) >= 2
    assert all(texts._MEMBER.search(text.lower()) for text in pairs)
    assert all(texts._PORT.search(text) for text in files)


@given(st.lists(st.sampled_from([case.value for case in cases("forms", 2)][:200]), min_size=2, max_size=6))
def test_what_stands_beside_the_same_again_is_masked_as_by_itself(values: list[object]) -> None:
    assert mask_all([*values, values, {"password": values[0]}]) == [
        *map(mask, values),
        mask(values),
        mask({"password": values[0]}),
    ]
