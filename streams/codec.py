"""Step 1 of 7: bytes -> AccessEvent | Rejected. Never an exception, never unbounded work.

JSON is decoded straight into the event, once. What the type cannot say is checked afterwards:
time against Kafka's, participants against the cohort, the key against the institution.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from detectors.config import CohortConfig
from detectors.event import AccessEvent, Participants, time_ms
from streams.cloudevents import Headers, completed, payload_of
from streams.rejects import Rejected, RejectReason, rejected
from streams.roaring import BitmapProblem, bitmap_problem

_Instant = Annotated[datetime, Meta(tz=True)]

_HASH_END: Final = 2**64
_BITMAP_END: Final = 2**32
# How msgspec's sentences begin or go on, and what each kind of them means to a producer.
_SENTENCES: Final[tuple[tuple[str, RejectReason], ...]] = (
    ("missing required field", RejectReason.MISSING_KEY),
    ("RFC3339", RejectReason.TIME_UNPARSABLE),
    ("timezone component", RejectReason.TIME_UNPARSABLE),
    ("enum value", RejectReason.UNKNOWN_VALUE),
    ("base64", RejectReason.PARTICIPANTS_INVALID),
    ("`array` of length", RejectReason.PARTICIPANTS_INVALID),
    (", got `", RejectReason.WRONG_TYPE),
    ("of length", RejectReason.OUT_OF_RANGE),
    ("`int` >=", RejectReason.OUT_OF_RANGE),
    ("`int` <=", RejectReason.OUT_OF_RANGE),
    ("out of range", RejectReason.OUT_OF_RANGE),
)
# Possessive, and ended by the end of input too: linear, whatever the bytes.
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")


class DecodeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event may be at most; what is more is refused, not cut."""

    event_bytes_max: Annotated[int, Meta(ge=1_024, le=64 * 2**20, description="of one message")] = (
        1_048_576
    )
    participants_listed_max: Annotated[
        int, Meta(ge=1, description="ids, or ranges, of one event")
    ] = 100_000
    fields_listed_max: Annotated[int, Meta(ge=1, description="fields of one event")] = 20_000
    nesting_max: Annotated[
        int, Meta(ge=4, le=200, description="objects and arrays within one another")
    ] = 32
    future_seconds_max: Annotated[
        int, Meta(ge=0, description="how far an event may be ahead of Kafka's time")
    ] = 3_600
    earliest: Annotated[_Instant, Meta(description="no event is older")] = datetime(
        2000, 1, 1, tzinfo=UTC
    )
    latest: Annotated[
        _Instant, Meta(description="no event is younger, even without Kafka's time")
    ] = datetime(2100, 1, 1, tzinfo=UTC)


class DecodeLimits(Struct, frozen=True, kw_only=True):
    """The same, with the cohort, in the units of the comparison."""

    event_bytes_max: int
    participants_listed_max: int
    fields_listed_max: int
    nesting_max: int
    future_ms_max: int
    earliest_ms: int
    latest_ms: int
    cohort_size: int
    hashed: bool


def decode_limits(config: DecodeConfig, cohort: CohortConfig) -> DecodeLimits:
    """Return what `decode` compares with."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return DecodeLimits(
        event_bytes_max=config.event_bytes_max,
        participants_listed_max=config.participants_listed_max,
        fields_listed_max=config.fields_listed_max,
        nesting_max=config.nesting_max,
        future_ms_max=config.future_seconds_max * 1_000,
        earliest_ms=int((config.earliest - epoch).total_seconds()) * 1_000,
        latest_ms=int((config.latest - epoch).total_seconds()) * 1_000,
        cohort_size=cohort.size,
        hashed=cohort.participant_ids == "hashed",
    )


_events: Final = msgspec.json.Decoder(AccessEvent)
_decode: Final = _events.decode
_encode: Final = msgspec.json.Encoder().encode


def encode(event: AccessEvent) -> bytes:
    """Return the canonical JSON of an event, as the topic of access events carries it."""
    return _encode(event)


def decode(
    raw: bytes | None,
    *,
    limits: DecodeLimits,
    key: bytes | None = None,
    headers: Headers = (),
    kafka_time_ms: int | None = None,
) -> AccessEvent | Rejected:
    """Return the event in `raw`, or why there is none.

    `kafka_time_ms` is None for a file: then there is no key to check either. From Kafka, an event
    must carry its institution as key, or it would lie before the wrong judge.

    >>> limits = decode_limits(DecodeConfig(), CohortConfig())
    >>> decode(b'{"id":"a","time":1700000000123}', limits=limits).detail
    'Object missing required field `institution`'
    """
    if not raw:
        return rejected(RejectReason.EMPTY_VALUE, "expected an event, got no bytes")
    if len(raw) > limits.event_bytes_max:
        detail = f"{len(raw)} bytes, more than {limits.event_bytes_max}"
        return rejected(RejectReason.TOO_LARGE, detail)
    event = _opened(raw, headers, limits) if headers else _parsed(raw, limits)
    if isinstance(event, Rejected):
        return event
    at_ms = time_ms(event)
    if kafka_time_ms is not None or key is not None:
        if key != event.institution.encode():
            return _key_problem(key)
        # Kafka itself says -1 where a record carries no time.
        if kafka_time_ms is not None and 0 <= kafka_time_ms < at_ms - limits.future_ms_max:
            detail = f"{(at_ms - kafka_time_ms) // 1_000} s ahead of Kafka's time"
            return rejected(RejectReason.TIME_FAR_FUTURE, detail)
    return check(event, at_ms=at_ms, limits=limits) or event


def check(event: AccessEvent, *, at_ms: int, limits: DecodeLimits) -> Rejected | None:
    """Return what is wrong with an event beyond its types; None for a good one."""
    if not limits.earliest_ms <= at_ms <= limits.latest_ms:
        past = at_ms < limits.earliest_ms
        reason = RejectReason.TIME_FAR_PAST if past else RejectReason.TIME_FAR_FUTURE
        detail = f"{_short(at_ms)} is not from {limits.earliest_ms} to {limits.latest_ms} ms"
        return rejected(reason, detail)
    if isinstance(event.fields, list) and len(event.fields) > limits.fields_listed_max:
        return _too_many("fields", len(event.fields), limits.fields_listed_max)
    if event.participants is not None:
        return _participants_problem(event.participants, limits)
    return None


def _parsed(raw: bytes, limits: DecodeLimits) -> AccessEvent | Rejected:
    problem = nesting_problem(raw, limits.nesting_max)
    if problem is not None:
        return problem
    try:
        return _decode(raw)
    except msgspec.ValidationError as error:
        return _invalid(raw, str(error))
    except msgspec.DecodeError as error:
        return rejected(RejectReason.NOT_JSON, str(error))
    except UnicodeDecodeError as error:
        return rejected(RejectReason.NOT_JSON, f"not UTF-8: {error.reason}")


def _opened(raw: bytes, headers: Headers, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return the event of a message with headers: inside a CloudEvent, or the plain one."""
    problem = nesting_problem(raw, limits.nesting_max)
    if problem is not None:
        return problem
    payload = payload_of(raw, headers)
    if isinstance(payload, Rejected):
        return payload
    if payload is None:
        return _parsed(raw, limits)
    event = _parsed(payload.raw, limits)
    if isinstance(event, Rejected) and event.reason is RejectReason.MISSING_KEY:
        whole = completed(payload)
        return event if whole is None else _parsed(whole, limits)
    return event


def reason_of(sentence: str) -> RejectReason:
    """Return the reason that a validator's sentence stands for.

    >>> reason_of("Expected `int` >= 0 - at `$.bytes`").value
    'out_of_range'
    """
    found = (reason for part, reason in _SENTENCES if part in sentence)
    return next(found, RejectReason.WRONG_TYPE)


def _invalid(raw: bytes, sentence: str) -> Rejected:
    reason = reason_of(sentence)
    if reason is RejectReason.MISSING_KEY and b'"specversion"' in raw:
        detail = "a structured CloudEvent without the content-type header that announces it"
        return rejected(RejectReason.CLOUDEVENTS_INVALID, detail)
    return rejected(reason, sentence)


def nesting_problem(raw: bytes, nesting_max: int) -> Rejected | None:
    """Tell whether brackets nest too deeply, without recursion: leaves are removed level by level.

    The decoder's own guard depends on how deep its caller stands, and would not be deterministic.
    """
    # Few brackets cannot nest deeply: two counts spare nearly every event the exact look.
    if raw.count(b"[") + raw.count(b"{") <= nesting_max:
        return None
    brackets = _STRINGS.sub(b"", raw).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(nesting_max):
        brackets = brackets.replace(b"[]", b"")
    if not brackets:
        return None
    if b"[]" in brackets:
        detail = f"objects or arrays nest deeper than {nesting_max}"
        return rejected(RejectReason.NESTING_TOO_DEEP, detail)
    return rejected(RejectReason.NOT_JSON, "brackets without their partners")


def _key_problem(key: bytes | None) -> Rejected:
    if not key:
        return rejected(RejectReason.KEY_MISSING, "expected the institution as key, got none")
    detail = f"the key is {key[:64]!r}, the institution is another"
    return rejected(RejectReason.KEY_MISMATCH, detail)


def _participants_problem(participants: Participants, limits: DecodeLimits) -> Rejected | None:
    ids, ranges, bitmap = participants.ids, participants.ranges, participants.bitmap
    count = participants.count
    ways = (ids is not None) + (ranges is not None) + (bitmap is not None) + (count is not None)
    if ways != 1:
        detail = f"expected exactly one of ids, ranges, bitmap, count; got {ways}"
        return rejected(RejectReason.PARTICIPANTS_INVALID, detail)
    if ids is not None:
        return _ids_problem(ids, limits)
    if count is not None:
        return _beyond(count, limits.cohort_size) if count > limits.cohort_size else None
    if limits.hashed:
        detail = "ranges and bitmaps name positions, but this cohort's ids are hashes"
        return rejected(RejectReason.PARTICIPANTS_INVALID, detail)
    return _ranges_problem(ranges, limits) if ranges else _bitmap_problem(bitmap, limits)


def _bitmap_problem(bitmap: bytes | None, limits: DecodeLimits) -> Rejected | None:
    if bitmap is None:
        return None
    problem = bitmap_problem(bitmap, end=min(limits.cohort_size, _BITMAP_END))
    if problem is None:
        return None
    beyond = problem is BitmapProblem.BEYOND_COHORT
    reason = RejectReason.BEYOND_COHORT if beyond else RejectReason.PARTICIPANTS_INVALID
    return rejected(reason, problem)


def _ids_problem(ids: list[int], limits: DecodeLimits) -> Rejected | None:
    if len(ids) > limits.participants_listed_max:
        return _too_many("ids", len(ids), limits.participants_listed_max)
    end = _HASH_END if limits.hashed else limits.cohort_size
    largest = max(ids, default=0)
    return _beyond(largest, end) if largest >= end else None


def _ranges_problem(ranges: list[tuple[int, int]], limits: DecodeLimits) -> Rejected | None:
    if len(ranges) > limits.participants_listed_max:
        return _too_many("ranges", len(ranges), limits.participants_listed_max)
    end = limits.cohort_size
    for first, last in ranges:
        if first > last:
            detail = f"a range runs backwards, from {_short(first)} to {_short(last)}"
            return rejected(RejectReason.PARTICIPANTS_INVALID, detail)
        if last >= end:
            return _beyond(last, end)
    return None


def _too_many(what: str, count: int, limit: int) -> Rejected:
    return rejected(RejectReason.TOO_LARGE, f"{count} {what}, more than {limit}")


def _beyond(largest: int, end: int) -> Rejected:
    detail = f"participant {_short(largest)} of a cohort of {end}"
    return rejected(RejectReason.BEYOND_COHORT, detail)


def _short(number: int) -> str:
    """Return a number as text, without its digits where there are too many to print."""
    return str(number) if abs(number) < _HASH_END else "of more than 64 bits"
