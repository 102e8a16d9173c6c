"""Documents that a client names instead of sending: trusted ones, and those persisted as they come."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from services.core.cache import BoundedCache
from services.core.errors import BadInput, DomainError

_MAXIMUM_REMEMBERED_CHARACTERS = 10_000_000
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


class PersistedQueryNotFound(DomainError):
    """The server does not know the document, or may not run it.

    Clients of automatic persisted queries look for the code, or for the message `PersistedQueryNotFound`.
    """

    code = "PERSISTED_QUERY_NOT_FOUND"


class Documents:
    """Finds the text of a document, whichever way the client names it.

    `trusted` maps identifiers to texts (see `read_trusted`); where it is given, nothing else runs.
    `automatic` lets clients persist what they send (`extensions.persistedQuery`, by Apollo): each process
    remembers the latest texts, and a client sends the text again to a process that has none.
    """

    def __init__(self, trusted: Mapping[str, str] | None = None, *, automatic: bool = True) -> None:
        self._trusted = trusted
        self._trusted_texts = frozenset(trusted.values()) if trusted is not None else frozenset()
        self._automatic = automatic and trusted is None
        self._remembered = BoundedCache[str, str](
            size=_MAXIMUM_REMEMBERED_CHARACTERS, size_of=lambda _, text: len(text)
        )

    def text(self, parameters: Mapping[str, Any], *, remember: bool = True) -> str:
        """The document that the parameters of a request carry or name.

        `remember` persists a text sent with its hash; anonymous requests should not fill the memory.

        Raises: BadInput for parameters of the wrong type or a hash that is not the text's;
        PersistedQueryNotFound for what is unknown here.
        """
        query = parameters.get("query")
        if query is not None and not isinstance(query, str):
            raise BadInput("Send the GraphQL document as the string `query`.", field="query")
        name = _identifier(parameters)
        if self._trusted is not None:
            return self._trusted_text(self._trusted, query, name)
        if name is None:
            if query is None:
                raise BadInput("Send the GraphQL document as the string `query`.", field="query")
            return query
        if not self._automatic or not name.startswith("sha256:"):
            raise PersistedQueryNotFound("PersistedQueryNotFound")
        if query is None:
            return self._recall(name)
        if name != _hash(query):
            raise BadInput("The hash is not the SHA-256 of `query`.", field="extensions.persistedQuery")
        if remember:
            self._remembered[name] = query
        return query

    def _trusted_text(self, trusted: Mapping[str, str], query: str | None, name: str | None) -> str:
        if query is not None:
            if query in self._trusted_texts:
                return query
            raise PersistedQueryNotFound("This server answers only the documents that it was given.")
        text = trusted.get(name or "")
        if text is None:
            raise PersistedQueryNotFound("PersistedQueryNotFound")
        return text

    def _recall(self, name: str) -> str:
        text = self._remembered.get(name)
        if text is None:
            raise PersistedQueryNotFound("PersistedQueryNotFound")
        return text


def read_trusted(path: Path) -> dict[str, str]:
    """The trusted documents of a folder of `*.graphql` files, or of a manifest.

    A manifest is JSON: `{"<id>": "<text>"}` (Relay) or Apollo's `{"operations": [{"id", "body"}]}`. Every
    text can also be named `sha256:<its hash>`.

    Raises: ValueError with a sentence for anything else.
    """
    if path.is_dir():
        files = sorted(path.glob("**/*.graphql"))
        named: Iterable[tuple[str, str]] = [(file.stem, file.read_text()) for file in files]
    else:
        named = _manifest(path)
    documents = {}
    for name, text in named:
        documents[_plain(name)] = text
        documents[_hash(text)] = text
    if not documents:
        raise ValueError(f"{path} has no documents")
    return documents


def _manifest(path: Path) -> list[tuple[str, str]]:
    try:
        manifest = orjson.loads(path.read_bytes())
        if isinstance(manifest.get("operations"), list):
            return [(str(one["id"]), str(one["body"])) for one in manifest["operations"]]
        return [(name, str(text)) for name, text in manifest.items()]
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise ValueError(f"{path} is neither a folder of .graphql files nor a JSON manifest") from None


def _identifier(parameters: Mapping[str, Any]) -> str | None:
    """The name of the document: `documentId` of GraphQL over HTTP, or Apollo's hash."""
    document_id = parameters.get("documentId")
    if document_id is not None:
        if not isinstance(document_id, str):
            raise BadInput("`documentId` is a string.", field="documentId")
        return _plain(document_id)
    extensions = parameters.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise BadInput("`persistedQuery` has version 1 and a sha256Hash.", field="extensions.persistedQuery")
    return _plain(str(persisted.get("sha256Hash")))


def _plain(name: str) -> str:
    """A bare hash is the same name as one with its prefix, in either case."""
    found = _SHA256.fullmatch(name)
    return f"sha256:{found[1].lower()}" if found else name


def _hash(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
