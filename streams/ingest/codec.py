"""Step 1 of 7: bytes -> AccessEvent | Rejected. Never an exception, never unbounded work.

JSON is decoded straight into the event, once. What the type cannot say is checked afterwards:
time against Kafka's, participants against the cohort, the name against what can be seen.
"""

import re
from typing import Final

import msgspec

from detectors.event import AccessEvent, time_ms
from detectors.instants import SECOND_MS
from streams.ingest.cloudevents import Payload, completed, payload_of, unannounced
from streams.ingest.cut_records import cut_problem
from streams.ingest.frames import FRAME_BYTE, frame_name, unframed
from streams.ingest.headers import Headers
from streams.ingest.identity import with_seen_name
from streams.ingest.lenient_json import text_under
from streams.ingest.limits import DecodeConfig, DecodeLimits, decode_limits
from streams.ingest.nesting import NESTED_BYTES_MIN, nesting_problem
from streams.ingest.oversized import is_costly, without_lists
from streams.ingest.partial_event import partial_event
from streams.ingest.participants import participants_problem, short, too_many
from streams.ingest.rejects import Rejected, RejectReason, of_institution, rejected
from streams.ingest.repeated import may_repeat_an_amount

__all__ = ["DecodeConfig", "DecodeLimits", "check", "decode", "decode_limits", "encode"]

# How msgspec's sentences begin or go on, and what each kind of them means to a producer.
SENTENCES: Final[tuple[tuple[str, RejectReason], ...]] = (
    # First: it quotes the value, and a producer must not choose the label by its words.
    ("enum value", RejectReason.UNKNOWN_VALUE),
    ("missing required field", RejectReason.MISSING_KEY),
    ("RFC3339", RejectReason.TIME_UNPARSABLE),
    ("timezone component", RejectReason.TIME_UNPARSABLE),
    ("base64", RejectReason.PARTICIPANTS_INVALID),
    ("`array` of length", RejectReason.PARTICIPANTS_INVALID),
    (", got `", RejectReason.WRONG_TYPE),
    ("of length", RejectReason.OUT_OF_RANGE),
    ("`int` >=", RejectReason.OUT_OF_RANGE),
    ("`int` <=", RejectReason.OUT_OF_RANGE),
    ("out of range", RejectReason.OUT_OF_RANGE),
)
_MICROSECOND_DIGITS: Final = 6
_LONG_FRACTION: Final = re.compile(rb'("time"\s*:\s*"[^".]{0,30}\.\d{6})\d+')
TIME_REASONS: Final = frozenset({RejectReason.TIME_FAR_PAST, RejectReason.TIME_FAR_FUTURE})

_events: Final = msgspec.json.Decoder(AccessEvent)
_decode: Final = _events.decode
_encode: Final = msgspec.json.Encoder().encode


def encode(event: AccessEvent) -> bytes:
    """Return the canonical JSON of an event, as the topic of access events carries it."""
    return _encode(event)


def decode(
    raw: bytes | None,
    limits: DecodeLimits,
    headers: Headers = (),
    kafka_time_ms: int | None = None,
) -> AccessEvent | Rejected:
    """Return the event in `raw`, or why there is none.

    `kafka_time_ms` is None for a file.

    >>> from detectors.config import CohortConfig
    >>> limits = decode_limits(DecodeConfig(), CohortConfig())
    >>> decode(b'{"id":"a","time":1700000000123}', limits=limits).detail
    'Object missing required field `institution`'
    """
    if not raw:
        return rejected(RejectReason.EMPTY_VALUE, "expected an event, got no bytes")
    # Nearly every message is too short to nest too deeply, let alone to be too large.
    plain = not headers and len(raw) <= NESTED_BYTES_MIN
    event = _parsed(raw, limits) if plain else _opened_or_long(raw, headers, limits)
    # Not the other way round: Python tells at once what a thing is, but not what it is not.
    if not isinstance(event, AccessEvent):
        return event
    at_ms = event.time if type(event.time) is int else time_ms(event)
    name = event.institution
    # Kafka itself says -1 where a record carries no time.
    if kafka_time_ms is not None and at_ms - limits.future_ms_max > kafka_time_ms >= 0:
        detail = f"{(at_ms - kafka_time_ms) // SECOND_MS} s ahead of Kafka's time"
        return of_institution(rejected(RejectReason.TIME_FAR_FUTURE, detail), name)
    problem = check(event, at_ms, limits)
    if problem is not None or not (name.isascii() and name.isprintable() and name[0] != " "):
        within = _within(event, problem, limits)
        return within if isinstance(within, Rejected) else bridged(within, limits)
    return event if limits.bridge is None else bridged(event, limits)


def bridged(event: AccessEvent, limits: DecodeLimits) -> AccessEvent:
    """Return an event as it is judged: its people under their positions, where a bridge has them.

    Not for events that are read again, as those of a raw topic: a position is no project's id.
    """
    if limits.bridge is None:
        return event
    from streams.ingest.bridge import with_positions  # noqa: PLC0415 - it needs NumPy.

    return with_positions(event, limits.bridge)


def check(event: AccessEvent, at_ms: int, limits: DecodeLimits) -> Rejected | None:
    """Return what is wrong with an event beyond its types; None for a good one."""
    if not limits.earliest_ms <= at_ms <= limits.latest_ms:
        past = at_ms < limits.earliest_ms
        reason = RejectReason.TIME_FAR_PAST if past else RejectReason.TIME_FAR_FUTURE
        detail = f"{short(at_ms)} is not from {limits.earliest_ms} to {limits.latest_ms} ms"
        return rejected(reason, detail)
    fields = event.fields
    if fields is not None and isinstance(fields, list) and len(fields) > limits.fields_listed_max:
        return too_many("fields", len(fields), limits.fields_listed_max)
    if event.participants is not None:
        return participants_problem(event.participants, limits)
    return None


def _within(
    event: AccessEvent, problem: Rejected | None, limits: DecodeLimits
) -> AccessEvent | Rejected:
    """Return what can be judged of an event with an odd name, or beyond the limits."""
    if problem is None:
        return with_seen_name(event)
    if problem.reason in TIME_REASONS:
        return of_institution(problem, event.institution)
    within = _in_part(_encode(event), limits, problem)
    return within if isinstance(within, Rejected) else with_seen_name(within)


def _opened_or_long(raw: bytes, headers: Headers, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return the event of a message that has headers, or is not short."""
    if len(raw) > limits.event_bytes_max:
        return _oversized(raw, headers, limits)
    if headers:
        return _opened(raw, headers, limits)
    return _too_deep(raw) or _parsed(raw, limits)


def _oversized(raw: bytes, headers: Headers, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return the event of a message too large to decode: its lists are only counted."""
    detail = f"{len(raw)} bytes, more than {limits.event_bytes_max}"
    too_large = rejected(RejectReason.TOO_LARGE, detail)
    if not headers:
        return _in_part(raw, limits, too_large)
    shortened = without_lists(raw)
    if len(shortened) > limits.event_bytes_max:
        return too_large
    return _opened(shortened, headers, limits)


def _parsed(raw: bytes, limits: DecodeLimits) -> AccessEvent | Rejected:
    event = _strict(raw)
    if isinstance(event, AccessEvent) and not may_repeat_an_amount(raw, event):
        return event
    return _otherwise(raw, limits, event)


def _otherwise(
    raw: bytes, limits: DecodeLimits, strict: AccessEvent | Rejected
) -> AccessEvent | Rejected:
    """Return what a message is that is no clean event: a frame, an envelope, or judged in part."""
    if raw.startswith(FRAME_BYTE):
        return _framed(raw, limits)
    if isinstance(strict, Rejected) and b'"specversion"' in raw:
        payload = unannounced(raw)
        if payload is not None:
            return _inside(payload, limits)
    return _in_part(raw, limits, strict)


def _framed(raw: bytes, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return the event in the frame of a schema registry, which may hold JSON."""
    inner = unframed(raw)
    if not inner.lstrip().startswith(b"{"):
        return rejected(RejectReason.NOT_JSON, f"{frame_name(raw)}: expected JSON in it")
    return decode(inner, limits)


def _in_part(
    raw: bytes, limits: DecodeLimits, strict: AccessEvent | Rejected
) -> AccessEvent | Rejected:
    """Return the event by what can be read of `raw`, or what the strict decoder said of it.

    The lists of a message too large or too intricate to read whole are only counted.
    """
    if len(raw) > limits.event_bytes_max or is_costly(raw):
        raw = without_lists(raw)
    if is_costly(raw) or nesting_problem(raw) is not None:
        return strict
    return partial_event(raw, limits, strict)


def _too_deep(raw: bytes) -> Rejected | None:
    """Return the reject of a message that nests too deeply, under its institution."""
    problem = nesting_problem(raw)
    name = None if problem is None else text_under(raw, "institution")
    return of_institution(problem, name) if problem is not None and name else problem


def _strict(raw: bytes) -> AccessEvent | Rejected:
    try:
        event = _decode(raw)
        rounded = type(event.time) is not int and _is_finer_than_microseconds(raw)
        return _decode(_LONG_FRACTION.sub(rb"\1", raw)) if rounded else event
    except msgspec.ValidationError as error:
        return _invalid(raw, str(error))
    except msgspec.DecodeError as error:
        return rejected(RejectReason.NOT_JSON, str(error))
    except UnicodeDecodeError as error:
        return rejected(RejectReason.NOT_JSON, f"not UTF-8: {error.reason}")


def _is_finer_than_microseconds(raw: bytes) -> bool:
    """Tell whether a time has more digits than msgspec keeps: it rounds, into the next day too."""
    digit = raw.find(b".", raw.find(b'"time"')) + _MICROSECOND_DIGITS + 1
    return raw[digit : digit + 1].isdigit()


def _opened(raw: bytes, headers: Headers, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return the event of a message with headers: inside a CloudEvent, or the plain one."""
    cut = cut_problem(headers)
    if cut is not None:
        return cut
    if raw.startswith(FRAME_BYTE):
        raw = unframed(raw)
    problem = _too_deep(raw)
    if problem is not None:
        return problem
    payload = payload_of(raw, headers)
    if isinstance(payload, Rejected):
        return payload
    if payload is None:
        return _parsed(raw, limits)
    problem = _too_deep(payload.raw)
    if problem is not None:
        return problem
    return _inside(payload, limits)


def _inside(payload: Payload, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return the event in a CloudEvent."""
    event = _strict(payload.raw)
    if isinstance(event, AccessEvent):
        repeats = may_repeat_an_amount(payload.raw, event)
        return _in_part(payload.raw, limits, event) if repeats else event
    raw = completed(payload) or payload.raw
    event = _strict(raw)
    if isinstance(event, AccessEvent) and not may_repeat_an_amount(raw, event):
        return event
    # Not as a CloudEvent once more: an envelope in an envelope is no event.
    return _in_part(raw, limits, event)


def reason_of(sentence: str) -> RejectReason:
    """Return the reason that a validator's sentence stands for.

    >>> reason_of("Expected `int` >= 0 - at `$.bytes`").value
    'out_of_range'
    """
    reasons = (reason for part, reason in SENTENCES if part in sentence)
    return next(reasons, RejectReason.WRONG_TYPE)


def _invalid(raw: bytes, sentence: str) -> Rejected:
    reason = reason_of(sentence)
    if reason is RejectReason.MISSING_KEY and b'"specversion"' in raw:
        detail = "a structured CloudEvent without the content-type header that announces it"
        return rejected(RejectReason.CLOUDEVENTS_INVALID, detail)
    return rejected(reason, sentence)
