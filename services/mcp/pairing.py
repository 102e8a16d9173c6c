"""Finds the request that each JSON-RPC response answers, whatever order they were recorded in."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Exchange(NamedTuple):
    """The key of a request and its response: who is spoken to, who asked, and the JSON-RPC id."""

    server: str | None
    asker: str | None
    rpc_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A request or response, as far as pairing is concerned. `timed`: `at` is when it was sent."""

    id: UUID
    exchange: Exchange
    is_request: bool
    at: datetime
    timed: bool


def exchange_of(
    message_type: str, server: str | None, direction: str | None, rpc_id: str | None
) -> Exchange | None:
    """The exchange that a message belongs to; None for a notification and for the id null."""
    if message_type == "notification" or rpc_id is None or rpc_id == "null":
        return None
    if message_type == "response" and direction is not None:
        return Exchange(server, "server" if direction == "client" else "client", rpc_id)
    return Exchange(server, direction, rpc_id)


def pair(entries: Iterable[Entry]) -> dict[UUID, Entry]:
    """The request of each response, by the response's id; a response without one is left out.

    A peer counts its ids anew with each connection, so one id stands for several requests over time: a
    response answers the latest earlier request that is still open. Messages recorded without a time have
    only their arrival; a response that arrived before its request takes the first one left over.
    The result depends on the set of entries, not on their order.
    """
    by_exchange: defaultdict[Exchange, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_exchange[entry.exchange].append(entry)
    requests: dict[UUID, Entry] = {}
    for conversation in by_exchange.values():
        requests.update(_pair_conversation(conversation))
    return requests


def _pair_conversation(entries: list[Entry]) -> dict[UUID, Entry]:
    entries.sort(key=lambda entry: (entry.at, not entry.is_request, entry.id))
    requests: dict[UUID, Entry] = {}
    open_requests: list[Entry] = []
    unanswering: list[Entry] = []
    for entry in entries:
        if entry.is_request:
            open_requests.append(entry)
        elif open_requests:
            requests[entry.id] = open_requests.pop()
        else:
            unanswering.append(entry)
    for response in unanswering:
        for request in open_requests:
            if not (response.timed and request.timed):
                requests[response.id] = request
                open_requests.remove(request)
                break
    return requests
