"""Step 1 of 7: a message that is no clean event -> the event by what can be read of it.

What left is judged even if its record is bad: else an accused who chooses a text too long, or a
server that writes 500.0, would blind the watch. Rejected is only what names no institution, no time
or nothing that could have left; a time is never guessed. Whatever was mended is counted in the
event itself, so that files, topics and raw topics tell the same.

This is the slow way, and only for messages that the strict decoder rejects.
"""

import re
from hashlib import blake2b
from typing import Final, get_args

import msgspec

from detectors.event import COUNT_MAX, AccessEvent, Action, FieldCount, Outcome
from streams.ingest.lenient_json import read_object, text_under
from streams.ingest.limits import DecodeLimits
from streams.ingest.partial_numbers import whole_number
from streams.ingest.partial_participants import readable_participants
from streams.ingest.reject_notice import RejectNotice, reject_of
from streams.ingest.rejects import Rejected, RejectReason, of_institution, rejected
from streams.ingest.repairs import RepairReason, Repairs
from streams.ingest.repeated import Repeated, last_of, values_of
from streams.ingest.rounded_ids import ROUNDED, are_rounded

UNKNOWN_DATASET: Final = "unknown"
OTHER: Final = "other"

_ID_BYTES: Final = 16
_NAME_MAX: Final = 128
_DATASET_MAX: Final = 256
_NOTE_MAX: Final = 1_024
# What the event's type says, for the texts that need not be there.
_TEXTS_MAX: Final = {
    "project": _NAME_MAX,
    "user": _NAME_MAX,
    "source_ip": _NAME_MAX,
    "client": _NOTE_MAX,
    "destination": _NOTE_MAX,
    "query_hash": _NAME_MAX,
}
_AMOUNTS: Final = ("bytes", "rows", "files")
_ACTIONS: Final = frozenset(get_args(Action))
_OUTCOMES: Final = frozenset(get_args(Outcome))
# So that an id of a place is no longer than an id may be.
_SOURCE_MAX: Final = 100
_LONG_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_HALF_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def partial_event(
    raw: bytes, limits: DecodeLimits, strict: AccessEvent | Rejected
) -> AccessEvent | Rejected:
    """Return the event by what can be read of `raw`, or `strict` where too little can.

    `strict` is what the strict decoder said. `raw` must not nest deeply.
    """
    repairs: Repairs = Repairs()
    given = read_object(raw, repairs)
    if given is None:
        name = text_under(raw, "institution") if isinstance(strict, Rejected) else None
        return of_institution(strict, name) if name and isinstance(strict, Rejected) else strict
    bytes_id = blake2b(raw, digest_size=_ID_BYTES).hexdigest()
    return event_of_values(given, limits, strict, repairs, id_otherwise=bytes_id)


def event_of_values(
    given: dict[str, object],
    limits: DecodeLimits,
    strict: AccessEvent | Rejected,
    repairs: Repairs,
    *,
    id_otherwise: str,
) -> AccessEvent | Rejected:
    """Return the event of JSON values under the event's own keys, or `strict`.

    The one place where a canonical event and a mapped row are judged in part. `repairs` holds what
    was mended so far; `id_otherwise` stands for an id that is missing.
    """
    # Of a name the last counts, as decoders have it; of amounts and people the largest, below.
    document = {key: last_of(value) for key, value in given.items()}
    repairs.update(_own_repairs(document))
    repairs[RepairReason.KEY_REPEATED] += sum(
        isinstance(value, Repeated) for value in given.values()
    )
    institution, time = _name(document.get("institution"), repairs), _time(document.get("time"))
    if institution is None:
        return strict
    if isinstance(strict, Rejected):
        strict = _noticed(document) or of_institution(strict, institution)
    if time is None:
        return strict
    event = {"institution": institution, "time": time}
    event |= _identity(document, id_otherwise, repairs)
    event |= _texts(document, repairs)
    event |= _choices(document, repairs)
    event |= _amounts(given, repairs)
    fields = _fields(document.get("fields"), limits, repairs)
    if fields is not None:
        event["fields"] = fields
    people = readable_participants(values_of(given.get("participants")), limits, repairs)
    if people is not None:
        if limits.hashed and people.ids is not None and are_rounded(people.ids):
            return rejected(RejectReason.IDS_ROUNDED, ROUNDED)
        event["participants"] = people
    # An amount that is null is as one that is absent, which is no flaw.
    may_name_nothing = limits.declares_people or (
        not repairs.total() and any(given.get(key, 0) is None for key in _AMOUNTS)
    )
    return _checked(event, repairs, strict, may_name_nothing=may_name_nothing)


def _checked(
    event: dict[str, object],
    repairs: Repairs,
    strict: AccessEvent | Rejected,
    *,
    may_name_nothing: bool,
) -> AccessEvent | Rejected:
    counts = {reason.value: count for reason, count in sorted(repairs.items()) if count}
    names_nothing = not any(event.get(key) for key in ("participants", *_AMOUNTS))
    if names_nothing and not may_name_nothing:
        # Nothing that could have left can be read, and no dataset is declared to stand for it.
        return strict
    if counts:
        event["repairs"] = counts
    try:
        return msgspec.convert(event, AccessEvent, builtin_types=(bytes,))
    except (msgspec.ValidationError, UnicodeError) as error:
        reject = rejected(RejectReason.TIME_UNPARSABLE, str(error))
        return of_institution(reject, str(event["institution"]))


def _noticed(document: dict[str, object]) -> Rejected | None:
    """Return the reject that a notice tells of: of a row of a raw topic, under its institution."""
    try:
        notice = msgspec.convert(document, RejectNotice)
    except msgspec.ValidationError:
        return None
    return reject_of(notice)


def _own_repairs(document: dict[str, object]) -> dict[RepairReason, int]:
    """Return what was mended before: an event judged in part may be read again."""
    own = document.get("repairs")
    if not isinstance(own, dict):
        return {}
    known = {reason.value for reason in RepairReason}
    return {
        RepairReason(name): count
        for name, count in own.items()
        if name in known and type(count) is int and 0 < count <= COUNT_MAX
    }


def _time(value: object) -> object:
    """Return a time as it is written, cut to what the decoder would round, up into the next day."""
    return _LONG_FRACTION.sub(r"\1", value) if isinstance(value, str) else value


def _name(value: object, repairs: Repairs) -> str | None:
    """Return a name that must be there; a number is read as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        repairs[RepairReason.TEXT_UNREADABLE] += 1
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    return _cut(value, _NAME_MAX, repairs)


def _cut(text: str, length_max: int, repairs: Repairs) -> str:
    if _HALF_SURROGATES.search(text):
        repairs[RepairReason.TEXT_UNREADABLE] += 1
        text = _HALF_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(text) <= length_max:
        return text
    repairs[RepairReason.TEXT_CUT] += 1
    return text[:length_max]


def _identity(document: dict[str, object], id_otherwise: str, repairs: Repairs) -> dict[str, str]:
    """Return id and dataset; without an id the bytes stand for it, until a place does."""
    event_id = _name(document.get("id"), repairs)
    if event_id is None:
        repairs[RepairReason.ID_MISSING] += 1
        event_id = id_otherwise
    dataset = document.get("dataset")
    if not isinstance(dataset, str) or not dataset:
        repairs[RepairReason.DATASET_MISSING] += 1
        dataset = UNKNOWN_DATASET
    return {"id": event_id, "dataset": _cut(dataset, _DATASET_MAX, repairs)}


def _texts(document: dict[str, object], repairs: Repairs) -> dict[str, str]:
    texts = {}
    for key, length_max in _TEXTS_MAX.items():
        value = document.get(key)
        if isinstance(value, str) and (value or length_max == _NOTE_MAX):
            texts[key] = _cut(value, length_max, repairs)
        elif value is not None:
            repairs[RepairReason.TEXT_UNREADABLE] += 1
    return texts


def _choices(document: dict[str, object], repairs: Repairs) -> dict[str, str]:
    choices = {}
    for key, known in (("action", _ACTIONS), ("outcome", _OUTCOMES)):
        value = document.get(key)
        if value is None:
            continue
        if not isinstance(value, str) or value not in known:
            repairs[RepairReason.VALUE_UNKNOWN] += 1
            value = OTHER
        choices[key] = value
    return choices


def _amounts(given: dict[str, object], repairs: Repairs) -> dict[str, int]:
    """Return the amounts; of one given twice the largest: a repetition makes no taking smaller."""
    amounts = {}
    for key in _AMOUNTS:
        written = [value for value in values_of(given.get(key)) if value is not None]
        numbers = [number for value in written if (number := whole_number(value)) is not None]
        readable = [number for number in numbers if number >= 0]
        repairs[RepairReason.AMOUNT_UNREADABLE] += len(written) - len(readable)
        if not readable:
            continue
        if max(readable) > COUNT_MAX or any(isinstance(value, float | str) for value in written):
            repairs[RepairReason.AMOUNT_REWRITTEN] += 1
        amounts[key] = min(max(readable), COUNT_MAX)
    return amounts


def _fields(value: object, limits: DecodeLimits, repairs: Repairs) -> list[str] | FieldCount | None:
    if value is None:
        return None
    if isinstance(value, dict):
        number = whole_number(value.get("count"))
        if number is not None and number >= 0:
            return FieldCount(count=min(number, COUNT_MAX))
    if isinstance(value, list):
        names = [name for name in value if isinstance(name, str) and name]
        if len(names) > limits.fields_listed_max:
            repairs[RepairReason.FIELDS_UNREADABLE] += len(names) - limits.fields_listed_max
            return FieldCount(count=len(names))
        repairs[RepairReason.FIELDS_UNREADABLE] += len(value) - len(names)
        return [_cut(name, _DATASET_MAX, repairs) for name in names]
    repairs[RepairReason.FIELDS_UNREADABLE] += 1
    return None


def place_of(source: str, number: int) -> str:
    """Return the name of a place in the input: the id of an event that has none.

    >>> place_of("log.csv", 17)
    'log.csv:17'
    """
    if len(source) > _SOURCE_MAX:
        # Two long paths may end alike.
        digest = blake2b(source.encode("utf-8", "replace"), digest_size=_ID_BYTES).hexdigest()
        source = f"{source[len(digest) - _SOURCE_MAX :]}{digest}"
    return f"{source}:{number}"


def placed(event: AccessEvent, source: str, number: int) -> AccessEvent:
    """Return an event without an id of its own under the name of its place in the input."""
    if event.repairs is None or RepairReason.ID_MISSING not in event.repairs:
        return event
    return msgspec.structs.replace(event, id=place_of(source, number))
