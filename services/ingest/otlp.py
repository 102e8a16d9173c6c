"""Exports of OpenTelemetry (OTLP/HTTP 1.x): logs, metrics and traces, in JSON or as protobuf.

What is stored is OTLP's JSON form: names in camel case, ids in hexadecimal, 64-bit numbers as texts.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from models.enums import IngestSource
from services.core.errors import BadInput
from services.core.json_codec import write_json
from services.ingest.received import LARGEST_RECORD, Intake, Received, session_key, storable

MOST_RECORDS: Final = 20_000
"""Log records, metrics or spans of one request."""

LARGEST: Final = 1_000_000
"""Bytes of one log record, metric or span, and of a resource or scope."""

MOST_VALUES: Final = 10_000
"""Values in one of them: attributes, data points, members and entries."""

MOST_IN_A_RECORD: Final = 500
"""Log records, metrics or spans that are stored, and digested, together."""

NOTICED_AHEAD: Final = timedelta(seconds=60)
"""A record from further in the future shows a clock that is ahead."""

Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signal:
    """One of the three kinds of export: names in OTLP's JSON, types of its messages."""

    source: IngestSource
    resources: str
    scopes: str
    records: str
    request: type[Message]
    response: type[Message]
    rejected: str


SIGNALS: Final[Mapping[str, Signal]] = MappingProxyType(
    {
        "logs": Signal(
            IngestSource.LOGS,
            *("resourceLogs", "scopeLogs", "logRecords"),
            ExportLogsServiceRequest,
            ExportLogsServiceResponse,
            "rejectedLogRecords",
        ),
        "metrics": Signal(
            IngestSource.METRICS,
            *("resourceMetrics", "scopeMetrics", "metrics"),
            ExportMetricsServiceRequest,
            ExportMetricsServiceResponse,
            "rejectedDataPoints",
        ),
        "traces": Signal(
            IngestSource.TRACES,
            *("resourceSpans", "scopeSpans", "spans"),
            ExportTraceServiceRequest,
            ExportTraceServiceResponse,
            "rejectedSpans",
        ),
    }
)
"""By the last part of the path."""


@dataclass(slots=True)
class _Reading:
    """The parts that are gathered of one request."""

    signal: Signal
    groups: list[Value] = field(default_factory=list)
    """Resources with their scopes and records, which go into the next record that is stored."""
    size: int = 0
    count: int = 0
    done: list[Received] = field(default_factory=list)
    taken: int = 0
    refused: int = 0
    problem: str = ""
    latest: int = 0
    resource: Value | None = None
    scope: Value | None = None

    def refuse(self, number: int, problem: str) -> None:
        self.refused += number
        self.problem = self.problem or problem

    def add(self, resource: Value, scope: Value, record: Value, size: int) -> None:
        """Take a record; `resource` and `scope` are without what is below them."""
        if self.count and (self.size + size > LARGEST_RECORD or self.count >= MOST_IN_A_RECORD):
            self.flush()
        signal = self.signal
        if resource is not self.resource or not self.groups:
            self.groups.append({**resource, signal.scopes: []})
            self.resource, self.scope = resource, None
        if scope is not self.scope:
            self.groups[-1][signal.scopes].append({**scope, signal.records: []})
            self.scope = scope
        self.groups[-1][signal.scopes][-1][signal.records].append(record)
        self.size += size
        self.count += 1
        self.taken += 1
        self.latest = max(self.latest, _nanoseconds(record))

    def flush(self) -> None:
        """End the record that is stored with what was taken so far."""
        if not self.count:
            return
        body = {self.signal.resources: self.groups}
        value, size = storable(body)
        self.done.append(Received(self.signal.source, value, size, _session(self.groups, self.signal)))
        self.groups, self.size, self.count = [], 0, 0
        self.resource = self.scope = None


def read_protobuf(signal: Signal, body: bytes, now: datetime) -> Intake:
    """An export as protobuf. Raises: BadInput where it is none, and `TooMany`."""
    request: Any = signal.request()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise BadInput(f"This is not a valid {signal.request.DESCRIPTOR.name} in protobuf.") from None
    reading = _Reading(signal)
    (resources,) = request.DESCRIPTOR.fields
    for resource in getattr(request, resources.name):
        scopes = next(one for one in resource.DESCRIPTOR.fields if one.json_name == signal.scopes)
        head = _without(resource, scopes.name)
        for scope in getattr(resource, scopes.name):
            records = next(one for one in scope.DESCRIPTOR.fields if one.json_name == signal.records)
            found = getattr(scope, records.name)
            _require_few(reading, len(found))
            above = head if head is None else _without(scope, records.name)
            if head is None or above is None:
                reading.refuse(len(found), _too_large(signal))
                continue
            for record in found:
                if record.ByteSize() > LARGEST:
                    reading.refuse(1, _too_large(signal))
                else:
                    _take(reading, head, above, as_json(record))
    return _intake(reading, now)


def read_otlp(signal: Signal, value: object, now: datetime) -> Intake:
    """An export in JSON. Raises: BadInput for another shape, and `TooMany`."""
    resources = value.get(signal.resources, []) if isinstance(value, dict) else None
    if not isinstance(resources, list):
        raise BadInput(f'Send `{{"{signal.resources}": [...]}}`, as OTLP writes it in JSON.')
    reading = _Reading(signal)
    for resource in resources:
        scopes = resource.get(signal.scopes, []) if isinstance(resource, dict) else None
        if not isinstance(scopes, list):
            reading.refuse(1, f"An entry of {signal.resources} is an object with a list {signal.scopes}.")
            continue
        head = {name: item for name, item in resource.items() if name != signal.scopes}
        for scope in scopes:
            records = scope.get(signal.records, []) if isinstance(scope, dict) else None
            if not isinstance(records, list):
                reading.refuse(1, f"An entry of {signal.scopes} is an object with a list {signal.records}.")
                continue
            _require_few(reading, len(records))
            above = {name: item for name, item in scope.items() if name != signal.records}
            if not (_is_small(head) and _is_small(above)):
                reading.refuse(len(records), _too_large(signal))
                continue
            for record in records:
                if isinstance(record, dict):
                    _take(reading, head, above, record)
                else:
                    reading.refuse(1, f"An entry of {signal.records} is an object.")
    return _intake(reading, now)


def _take(reading: _Reading, resource: Value, scope: Value, record: Value) -> None:
    if not _is_small(record):
        reading.refuse(1, _too_large(reading.signal))
        return
    try:
        record, size = storable(record)
    except BadInput as error:
        reading.refuse(1, error.message)
        return
    if size > LARGEST:
        reading.refuse(1, _too_large(reading.signal))
    else:
        reading.add(resource, scope, record, size)


def _intake(reading: _Reading, now: datetime) -> Intake:
    reading.flush()
    skew = None
    if reading.latest:
        ahead = timedelta(seconds=reading.latest / 1e9 - now.timestamp())
        skew = ahead if ahead > NOTICED_AHEAD else None
    units = reading.taken + reading.refused
    return Intake(
        reading.signal.source, tuple(reading.done), units, reading.refused, reading.problem, skew=skew
    )


def _require_few(reading: _Reading, more: int) -> None:
    if reading.taken + reading.refused + more > MOST_RECORDS:
        raise BadInput(
            f"Send at most {MOST_RECORDS} {reading.signal.records} in one request; make the batches smaller."
        )


def _too_large(signal: Signal) -> str:
    return (
        f"An entry of {signal.records}, or its resource or scope, has more than {MOST_VALUES} values or "
        f"{LARGEST} bytes."
    )


def _is_small(value: Value) -> bool:
    """True if the export has at most `MOST_VALUES` values: they are counted one by one, up to that."""
    seen = 0
    rest: list[Any] = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            seen += len(one)
            rest.extend(item for item in one.values() if isinstance(item, dict | list))
        else:
            seen += len(one)
            rest.extend(item for item in one if isinstance(item, dict | list))
        if seen > MOST_VALUES:
            return False
    return True


def _nanoseconds(record: Value) -> int:
    """The time of a log record or span, since 1970; 0 where it has none."""
    told = record.get("timeUnixNano") or record.get("observedTimeUnixNano") or record.get("endTimeUnixNano")
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) <= 19:
        return int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 < told < 2**63 else 0


def _session(groups: list[Value], signal: Signal) -> str | None:
    for group in groups:
        for scope in group[signal.scopes]:
            for record in scope[signal.records]:
                for one in _attributes(record):
                    if isinstance(one, dict) and one.get("key") == "session.id":
                        told = one.get("value")
                        return session_key(told.get("stringValue")) if isinstance(told, dict) else None
    return None


def _attributes(record: Value) -> Iterator[Any]:
    found = record.get("attributes")
    if isinstance(found, list):
        yield from found
    for kind in ("sum", "gauge", "histogram"):
        points = record.get(kind)
        listed = points.get("dataPoints") if isinstance(points, dict) else None
        for point in listed if isinstance(listed, list) else ():
            attributes = point.get("attributes") if isinstance(point, dict) else None
            yield from attributes if isinstance(attributes, list) else ()


def _without(message: Any, name: str) -> Value | None:
    """A resource or scope without its field `name`, in JSON; None where it is too large."""
    found: Value = {}
    for one, value in message.ListFields():
        if one.name == name:
            continue
        if isinstance(value, Message) and value.ByteSize() > LARGEST:
            return None
        found[one.json_name] = _writer(one)(value)
    return found if _is_small(found) else None


def as_json(message: Any) -> Value:
    """A message in OTLP's JSON form."""
    return {one.json_name: _writer(one)(value) for one, value in message.ListFields()}


_HEXADECIMAL: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_LONG: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)


@cache
def _writer(one: FieldDescriptor) -> Callable[[Any], Any]:
    """A function that writes the value of a field."""
    write = _writer_of_one(one)
    return (lambda values: [write(value) for value in values]) if one.is_repeated else write


def _writer_of_one(one: FieldDescriptor) -> Callable[[Any], Any]:
    match one.type:
        case FieldDescriptor.TYPE_MESSAGE:
            return as_json
        case FieldDescriptor.TYPE_BYTES if one.name in _HEXADECIMAL:
            return bytes.hex
        case FieldDescriptor.TYPE_BYTES:
            return lambda value: b64encode(value).decode()
        case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
            return _double
        case kind if kind in _LONG:
            return str
        case _:
            return lambda value: value


def _double(value: float) -> object:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def answer_json(signal: Signal, intake: Intake, told: str) -> bytes:
    """The answer of OTLP in JSON; `told` is a warning where nothing was rejected."""
    if not intake.refused and not told:
        return b"{}"
    partial: Value = {"errorMessage": told}
    if intake.refused:
        partial[signal.rejected] = str(intake.refused)
    return write_json({"partialSuccess": partial})


def answer_protobuf(signal: Signal, intake: Intake, told: str) -> bytes:
    """The same as protobuf."""
    response: Any = signal.response()
    if intake.refused or told:
        partial = response.partial_success
        names = {one.json_name: one.name for one in partial.DESCRIPTOR.fields}
        setattr(partial, names[signal.rejected], intake.refused)
        partial.error_message = told
    encoded: bytes = response.SerializeToString()
    return encoded


def status_protobuf(code: int, message: str) -> bytes:
    """A google.rpc.Status, which OTLP answers where nothing was taken: field 1 is its code, 2 its message."""
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])
