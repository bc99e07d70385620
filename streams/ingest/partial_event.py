"""Step 1 of 7: a message that is no clean event -> the event by what can be read of it.

What left is judged even if its record is bad: else an accused who chooses a text too long, or a
server that writes 500.0, would blind the watch. Rejected is only what names no institution, no time
or nothing that could have left; a time is never guessed. Whatever was mended is counted in the
event itself, so that files, topics and raw topics tell the same.

This is the slow way, and only for messages that the strict decoder rejects.
"""

import json
import re
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

import msgspec

from detectors.event import COUNT_MAX, AccessEvent, FieldCount
from streams.ingest.limits import DecodeLimits
from streams.ingest.partial_numbers import whole_number
from streams.ingest.partial_participants import readable_participants
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.ingest.repairs import RepairReason, Repairs

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
_ACTIONS: Final = frozenset({"download", "query", "export", OTHER})
_OUTCOMES: Final = frozenset({"success", "partial", "denied", "error", OTHER})
# So that an id of a place is no longer than an id may be.
_SOURCE_MAX: Final = 100
# More than any count or id; Python itself stops reading at 4,300 digits.
_DIGITS_MAX: Final = 40
_HALF_SURROGATES: Final = re.compile("[\ud800-\udfff]")

Pairs = Sequence[tuple[str, object]]


def partial_event(
    raw: bytes, limits: DecodeLimits, strict: AccessEvent | Rejected
) -> AccessEvent | Rejected:
    """Return the event by what can be read of `raw`, or `strict` where too little can.

    `strict` is what the strict decoder said. `raw` must not nest deeply.
    """
    repairs: Repairs = Repairs()
    document = _document(raw, repairs)
    if not isinstance(document, dict):
        return strict
    institution, time = _name(document.get("institution"), repairs), document.get("time")
    if institution is None or time is None:
        return strict
    event = {"institution": institution, "time": time}
    event |= _identity(document, raw, repairs)
    event |= _texts(document, repairs)
    event |= _choices(document, repairs)
    event |= _amounts(document, repairs)
    fields = _fields(document.get("fields"), limits, repairs)
    if fields is not None:
        event["fields"] = fields
    if document.get("participants") is not None:
        people = readable_participants(document["participants"], limits, repairs)
        if people is not None:
            event["participants"] = people
    return _checked(event, repairs, strict)


def _checked(
    event: dict[str, object], repairs: Repairs, strict: AccessEvent | Rejected
) -> AccessEvent | Rejected:
    if not any(event.get(key) for key in ("participants", *_AMOUNTS)):
        # Nothing that could have left can be read.
        return strict
    counts = {reason.value: count for reason, count in sorted(repairs.items()) if count}
    if counts:
        event["repairs"] = counts
    try:
        return msgspec.convert(event, AccessEvent, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        return rejected(RejectReason.TIME_UNPARSABLE, str(error))


def _document(raw: bytes, repairs: Repairs) -> object:
    """Return the JSON document; None where there is none."""
    try:
        return json.loads(
            raw.decode(),
            object_pairs_hook=partial(_unique, repairs),
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int:
    """Return a number; one of too many digits keeps its size, not its value."""
    return int(digits[:_DIGITS_MAX])


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _unique(repairs: Repairs, pairs: Pairs) -> dict[str, object]:
    """Return an object's members; of a key given twice the one that says more.

    A larger amount, or more people: a repetition must not make a taking smaller.
    """
    members: dict[str, object] = {}
    for key, value in pairs:
        if key in members:
            repairs[RepairReason.KEY_REPEATED] += 1
            value = max(members[key], value, key=_weight)  # noqa: PLW2901 - the one that stays.
        members[key] = value
    return members


def _weight(value: object) -> int:
    number = whole_number(value)
    if number is not None:
        return number
    if isinstance(value, dict):
        return max((_weight(member) for member in value.values()), default=0)
    return len(value) if isinstance(value, list | str) else 0


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


def _identity(document: dict[str, object], raw: bytes, repairs: Repairs) -> dict[str, str]:
    """Return id and dataset; without an id the bytes stand for it, until a place does."""
    event_id = _name(document.get("id"), repairs)
    if event_id is None:
        repairs[RepairReason.ID_MISSING] += 1
        event_id = blake2b(raw, digest_size=_ID_BYTES).hexdigest()
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


def _amounts(document: dict[str, object], repairs: Repairs) -> dict[str, int]:
    amounts = {}
    for key in _AMOUNTS:
        value = document.get(key)
        if value is None:
            continue
        number = whole_number(value)
        if number is None or number < 0:
            repairs[RepairReason.AMOUNT_UNREADABLE] += 1
            continue
        if not isinstance(value, int) or number > COUNT_MAX:
            repairs[RepairReason.AMOUNT_REWRITTEN] += 1
        amounts[key] = min(number, COUNT_MAX)
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


def placed(event: AccessEvent, source: str, number: int) -> AccessEvent:
    """Return an event without an id of its own under the name of its place in the input."""
    if event.repairs is None or RepairReason.ID_MISSING not in event.repairs:
        return event
    return msgspec.structs.replace(event, id=f"{source[-_SOURCE_MAX:]}:{number}")
