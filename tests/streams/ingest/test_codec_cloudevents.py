"""Step 1: CloudEvents on Kafka, in the mode that their headers announce and in no other."""

import base64

import msgspec
import pytest

from detectors.config import CohortConfig
from detectors.event import AccessEvent, time_ms
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.ingest.headers import Headers
from streams.ingest.rejects import Rejected, RejectReason

LIMITS = decode_limits(DecodeConfig(), CohortConfig())
NOON_MS = 1_775_044_800_000
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
BINARY: Headers = (
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"ce-1"),
    ("ce_source", b"/platform"),
    ("ce_type", b"access"),
    ("ce_time", b"2026-04-01T12:00:00Z"),
    ("ce_partitionkey", b"northgate"),
)
DATA = {"id": "e-1", "time": NOON_MS, "institution": "northgate", "dataset": "imaging"}
ENVELOPE = {
    "specversion": "1.0",
    "id": "ce-1",
    "source": "/platform",
    "type": "access",
    "time": "2026-04-01T12:00:00Z",
    "partitionkey": "northgate",
    "data": DATA,
}
PLAIN = AccessEvent(id="e-1", time=NOON_MS, institution="northgate", dataset="imaging")


def packed(document: object) -> bytes:
    """Return JSON."""
    return msgspec.json.encode(document)


def without(name: str, headers: Headers = BINARY) -> Headers:
    """Return the headers without one of them."""
    return tuple(header for header in headers if header[0] != name)


def changed(name: str, value: bytes, headers: Headers = BINARY) -> Headers:
    """Return the headers with one of them changed."""
    return (*without(name, headers), (name, value))


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (packed(ENVELOPE), STRUCTURED),
        (packed(ENVELOPE), (("Content-Type", b"Application/CloudEvents+JSON"),)),
        (
            packed(
                {name: value for name, value in ENVELOPE.items() if name != "data"}
                | {"data_base64": base64.b64encode(packed(DATA)).decode()}
            ),
            STRUCTURED,
        ),
        (packed(DATA), BINARY),
        (packed(DATA), without("content-type")),
        (packed(DATA), changed("content-type", b"application/vnd.access+json; charset=utf-8")),
        (packed(DATA), (("traceparent", b"\xff"), ("nothing", None))),
        (packed(DATA), (("content-type", b"application/json"),)),
        (packed(ENVELOPE), (("content-type", b"application/json"),)),
        (packed(ENVELOPE), ()),
        (b"\0\0\0\0\x07" + packed(DATA), ()),
        (b"\0\0\0\0\x07" + packed(ENVELOPE), STRUCTURED),
        (b"\0\0\0\0\x07" + packed(DATA), BINARY),
    ],
    ids=[
        "structured",
        "structured, in another case",
        "structured, data in base64",
        "binary",
        "binary, of no declared type",
        "binary, of a JSON type",
        "plain, with headers of others",
        "plain, with its content type",
        "structured, sent as any JSON",
        "structured, as a line of a file",
        "plain, in a registry's frame",
        "structured, in a registry's frame",
        "binary, in a registry's frame",
    ],
)
def test_the_same_event_comes_out_of_every_mode(raw: bytes, headers: Headers) -> None:
    """What the envelope adds has no effect on an event that says it itself."""
    assert decode(raw, limits=LIMITS, headers=headers) == PLAIN


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_an_event_without_id_and_time_has_those_of_its_envelope(mode: str) -> None:
    """CloudEvents carries both, and producers rely on it."""
    data = {"institution": "northgate", "dataset": "imaging"}
    structured = mode == "structured"
    raw = packed(ENVELOPE | {"data": data} if structured else data)
    event = decode(raw, limits=LIMITS, headers=STRUCTURED if structured else BINARY)
    assert isinstance(event, AccessEvent)
    assert (event.id, time_ms(event)) == ("/platform ce-1", NOON_MS)


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (packed(DATA), STRUCTURED),
        (packed([ENVELOPE]), (("content-type", b"application/cloudevents-batch+json"),)),
        (packed(ENVELOPE), (("content-type", b"application/cloudevents+avro"),)),
        (b"\xff", STRUCTURED),
        (packed(ENVELOPE | {"specversion": "0.3"}), STRUCTURED),
        (packed(ENVELOPE | {"id": ""}), STRUCTURED),
        (packed(ENVELOPE | {"data": None}), STRUCTURED),
        (packed({name: value for name, value in ENVELOPE.items() if name != "data"}), STRUCTURED),
        (packed(ENVELOPE), BINARY),
        (packed(DATA), without("ce_id")),
        (packed(DATA), without("ce_specversion")),
        (packed(DATA), changed("ce_source", b"")),
        (packed(DATA), changed("ce_specversion", b"2.0")),
        (packed(DATA), changed("ce_id", b"\xff\xfe")),
        (packed(DATA), changed("content-type", b"text/xml")),
    ],
    ids=[
        "announced as structured, but plain",
        "a batch",
        "another format",
        "noise",
        "an old version",
        "an empty id",
        "null as data",
        "no data",
        "structured, but announced as binary",
        "binary without an id",
        "binary without a version",
        "binary with an empty source",
        "binary of a version to come",
        "a header that is not UTF-8",
        "data that is not JSON",
    ],
)
def test_the_wrong_mode_is_rejected_by_name(raw: bytes, headers: Headers) -> None:
    """Never guessed at."""
    rejected = decode(raw, limits=LIMITS, headers=headers)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == RejectReason.CLOUDEVENTS_INVALID


@pytest.mark.parametrize("value", [None, b""])
def test_a_cloudevent_without_a_value_is_a_tombstone(value: bytes | None) -> None:
    """In binary mode a CloudEvent without data is just that."""
    rejected = decode(value, limits=LIMITS, headers=BINARY)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == RejectReason.EMPTY_VALUE


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_what_is_wrong_inside_is_named_as_in_a_plain_event(mode: str) -> None:
    """The envelope hides nothing."""
    data = DATA | {"bytes": -1}
    structured = mode == "structured"
    raw = packed(ENVELOPE | {"data": data} if structured else data)
    rejected = decode(raw, limits=LIMITS, headers=STRUCTURED if structured else BINARY)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == RejectReason.OUT_OF_RANGE


def test_depth_is_bounded_in_the_envelope_too() -> None:
    """Also in its extensions, which nobody reads."""
    deep = packed(ENVELOPE)[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for headers in (STRUCTURED, BINARY):
        rejected = decode(deep, limits=LIMITS, headers=headers)
        assert isinstance(rejected, Rejected)
        assert rejected.reason == RejectReason.NESTING_TOO_DEEP


def test_depth_is_bounded_in_data_that_came_in_base64() -> None:
    """Which hides its brackets."""
    deep = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    envelope = {name: value for name, value in ENVELOPE.items() if name != "data"}
    raw = packed(envelope | {"data_base64": base64.b64encode(deep).decode()})
    rejected = decode(raw, limits=LIMITS, headers=STRUCTURED)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == RejectReason.NESTING_TOO_DEEP


def test_two_sources_may_number_their_events_alike() -> None:
    """An id is unique within its source only."""
    data = {"institution": "northgate", "dataset": "imaging"}
    ids = set()
    for source in ("/a", "/b", "/" + "c" * 200, "/" + "c" * 201):
        event = decode(packed(ENVELOPE | {"data": data, "source": source}), limits=LIMITS)
        assert isinstance(event, AccessEvent)
        ids.add(event.id)
    assert len(ids) == 4


@pytest.mark.parametrize("inner", [b"\x02\x0cnorth", b"", b"\0" * 10_000, b"{"])
def test_a_frame_of_a_registry_around_no_json_is_named(inner: bytes) -> None:
    """For the operator to know what the producer writes."""
    outcome = decode(b"\0\0\0\0\x07" + inner, limits=LIMITS)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.NOT_JSON
    assert inner == b"{" or "schema registry (schema 7)" in outcome.detail


def test_an_envelope_within_an_envelope_is_no_event() -> None:
    """It is opened once."""
    outcome = decode(packed(ENVELOPE | {"data": ENVELOPE}), limits=LIMITS)
    assert isinstance(outcome, Rejected)
