"""Cursors: the place of an event in the feed, opaque and signed, the same for every subscriber.

A batch is what became visible between two snapshots, so the two snapshots and the place within say which
events a subscriber has seen, however their transactions were interleaved. Nothing in a cursor says who may
use it: a subscriber who resumes is shown only what the policies let through at that moment.
"""

import base64
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from services.core.errors import CursorInvalid
from services.feed.snapshots import UNKNOWN_POSITION, Snapshot

_VERSION = 3
_WITHOUT_POSITION = 2
"""Of a batch of which it is not known how far the log was, such as all of earlier releases."""
_SIGNATURE_BYTES = 12
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position: what `before` sees, and of what `batch` sees besides, the places up to `place`.

    Both are of the same start of the server. The position of `batch` stands for both.

    `place` is the event's number for change events; logs put their table and key there.
    An empty place stands before the first event of the batch.
    """

    before: Snapshot
    batch: Snapshot
    place: bytes = b""


class CursorCodec:
    """Writes and reads cursors.

    `secret` is the key that all processes of one installation share, `epoch` that of the database's feed:
    cursors do not outlive a restore into another cluster, where transaction ids mean something else.
    """

    def __init__(self, secret: bytes, epoch: bytes) -> None:
        self._key = hmac.digest(secret, b"ccgraph feed cursor" + epoch, sha256)

    def encode(self, cursor: Cursor) -> str:
        """URL-safe text of some 50 characters, more where many transactions were open."""
        ids = (*_numbers(cursor.before, 0), *_numbers(cursor.batch, cursor.before.xmin))
        position = cursor.batch.position
        known = [_WITHOUT_POSITION] if position == UNKNOWN_POSITION else [_VERSION, position]
        numbers = [*known, cursor.batch.start, *ids]
        body = b"".join(map(_varint, numbers)) + cursor.place
        return base64.urlsafe_b64encode(self._sign(body) + body).rstrip(b"=").decode()

    def decode(self, text: str, field: str = "after") -> Cursor:
        """The cursor in `text`; `CursorInvalid` on `field` when this installation did not write it."""
        body = self._verified(text)
        if body is None or body[0] not in (_VERSION, _WITHOUT_POSITION):
            raise CursorInvalid(
                "This is not a cursor of this server's subscriptions, or its database was replaced since. "
                "Pass `cursor` of an event as it was received, or leave `after` out to start now.",
                field=field,
            )
        return _parse(body[1:], has_position=body[0] == _VERSION)

    def _verified(self, text: str) -> bytes | None:
        """The bytes that were signed, or None when the signature is not ours."""
        if len(text) > _LONGEST:
            return None
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        return body if hmac.compare_digest(signature, self._sign(body)) else None

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, sha256)[:_SIGNATURE_BYTES]


def _numbers(snapshot: Snapshot, base: int) -> Iterator[int]:
    """A snapshot as small numbers: each transaction id as the distance from the one before."""
    yield snapshot.xmin - base
    yield snapshot.xmax - snapshot.xmin
    yield len(snapshot.in_progress)
    previous = snapshot.xmin
    for xid in snapshot.in_progress:
        yield xid - previous
        previous = xid


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _parse(body: bytes, *, has_position: bool) -> Cursor:
    stream = iter(body)

    def number() -> int:
        value, shift = 0, 0
        while True:
            byte = next(stream)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def snapshot(base: int) -> Snapshot:
        xmin = base + number()
        xmax = xmin + number()
        in_progress: list[int] = []
        for _ in range(number()):
            in_progress.append((in_progress or [xmin])[-1] + number())
        return Snapshot(xmin, xmax, tuple(in_progress), start, position)

    position = number() if has_position else UNKNOWN_POSITION
    start = number()
    before = snapshot(0)
    return Cursor(before, snapshot(before.xmin), bytes(stream))
