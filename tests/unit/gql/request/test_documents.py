"""Trusted documents and automatic persisted queries."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from gql.request.documents import Documents, PersistedQueryNotFound, read_trusted
from services.core.errors import BadInput

QUERY = "{ me { id } }"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def persisted(text: str, **parameters: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}, **parameters}


def test_a_text_is_its_own_document() -> None:
    assert Documents().text({"query": QUERY}) == QUERY


def test_a_hash_is_unknown_until_its_text_has_come_once() -> None:
    documents = Documents()

    with pytest.raises(PersistedQueryNotFound) as refusal:
        documents.text(persisted(QUERY))
    assert refusal.value.message == "PersistedQueryNotFound"
    assert documents.text(persisted(QUERY, query=QUERY)) == QUERY

    assert documents.text(persisted(QUERY)) == QUERY
    assert documents.text({"documentId": f"sha256:{sha256(QUERY)}"}) == QUERY


def test_a_hash_of_another_text_is_refused_and_not_remembered() -> None:
    documents = Documents()

    with pytest.raises(BadInput):
        documents.text(persisted("{ other }", query=QUERY))

    with pytest.raises(PersistedQueryNotFound):
        documents.text(persisted("{ other }"))


def test_a_stranger_persists_nothing() -> None:
    documents = Documents()
    documents.text(persisted(QUERY, query=QUERY), remember=False)

    with pytest.raises(PersistedQueryNotFound):
        documents.text(persisted(QUERY))


def test_the_oldest_texts_are_forgotten_when_the_memory_is_full() -> None:
    documents = Documents()
    texts = [f"{{ a{number} }} # {'x' * 1_000_000}" for number in range(12)]
    for text in texts:
        documents.text(persisted(text, query=text))

    with pytest.raises(PersistedQueryNotFound):
        documents.text(persisted(texts[0]))
    assert documents.text(persisted(texts[-1])) == texts[-1]


def test_automatic_persisting_can_be_switched_off() -> None:
    documents = Documents(automatic=False)

    with pytest.raises(PersistedQueryNotFound):
        documents.text(persisted(QUERY, query=QUERY))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": 1},
        {"query": ["{ me }"]},
        {"documentId": 1},
        {"extensions": {"persistedQuery": "abc"}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": sha256(QUERY)}}},
    ],
)
def test_parameters_of_the_wrong_type_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Documents().text(parameters)


def test_with_trusted_documents_nothing_else_runs(tmp_path: Path) -> None:
    (tmp_path / "me.graphql").write_text(QUERY)
    documents = Documents(read_trusted(tmp_path))

    assert documents.text({"documentId": "me"}) == QUERY
    assert documents.text({"documentId": f"sha256:{sha256(QUERY)}"}) == QUERY
    assert documents.text(persisted(QUERY)) == QUERY
    assert documents.text({"query": QUERY}) == QUERY
    for parameters in (
        {"query": "{ other }"},
        persisted("{ other }", query="{ other }"),
        {"documentId": "x"},
        {},
    ):
        with pytest.raises(PersistedQueryNotFound):
            documents.text(parameters)


@pytest.mark.parametrize(
    "manifest",
    [
        {"me": QUERY},
        {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [{"id": "me", "body": QUERY}],
        },
    ],
)
def test_a_manifest_names_trusted_documents(tmp_path: Path, manifest: dict[str, Any]) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(orjson.dumps(manifest))

    assert Documents(read_trusted(path)).text({"documentId": "me"}) == QUERY


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"operations": [1]}', b'"text"'])
def test_what_is_no_manifest_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"manifest\.json"):
        read_trusted(path)
