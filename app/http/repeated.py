"""Requests that come again byte for byte, as those of dashboards do: read once, then known."""

from collections import OrderedDict

from gql.execution.api import OperationRequest

MOST_REQUESTS = 1_000
MOST_BYTES = 1_000_000
LONGEST_BODY = 10_000
"""Requests that are kept, the bytes of all their bodies, and of one."""


class RepeatedRequests:
    """The requests that came last, by their bodies, with what was worked out of them.

    They say nothing about who asked: the same body means the same to everybody.
    """

    def __init__(self) -> None:
        self._requests: OrderedDict[bytes, OperationRequest] = OrderedDict()
        self._bytes = 0

    def get(self, body: bytes) -> OperationRequest | None:
        """The request that this body was before."""
        request = self._requests.get(body)
        if request is not None:
            self._requests.move_to_end(body)
        return request

    def keep(self, body: bytes, request: OperationRequest) -> None:
        """Know a body from now on, unless it is long."""
        if body in self._requests or len(body) > LONGEST_BODY:
            return
        self._requests[body] = request
        self._bytes += len(body)
        while len(self._requests) > MOST_REQUESTS or self._bytes > MOST_BYTES:
            forgotten, _ = self._requests.popitem(last=False)
            self._bytes -= len(forgotten)
