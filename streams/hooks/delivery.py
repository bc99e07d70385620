"""Step 7 of 7: one suspension record on its way, and what came of an attempt."""

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from detectors.response.decoding import decode_json, json_decoder
from detectors.response.suspension import Suspension
from streams.kafka.records import Record
from streams.sinks.cloudevent import read_cloudevent
from streams.texts.letter import Letters


class PostOutcome(StrEnum):
    """What came of one attempt; only `ACKNOWLEDGED` ends the attempts."""

    ACKNOWLEDGED = "acknowledged"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    UNTRUSTED = "untrusted"
    UNREACHABLE = "unreachable"


class Delivery(Struct, frozen=True, kw_only=True):
    """A record of the topic, ready to be posted."""

    id: str
    institution: str
    body: str
    partition: int
    offset: int


_read_members: Final = json_decoder(dict[str, msgspec.Raw])


def delivery_of(record: Record, *, partition: int, letters: Letters) -> Delivery | None:
    """Return what is to be posted of a record; None where it holds no suspension.

    The CloudEvent stays as it is, but for the letter to the researcher that is put into its data.
    """
    raw = record.value or b""
    try:
        event = read_cloudevent(raw)
        suspension = decode_json(event.data, kind=Suspension)
    except msgspec.DecodeError:
        return None
    members = _read_members(raw)
    data = _read_members(members["data"])
    data["letter"] = msgspec.Raw(msgspec.json.encode(letters.letter(suspension)))
    members["data"] = msgspec.Raw(msgspec.json.encode(data))
    return Delivery(
        id=event.id,
        institution=suspension.institution,
        body=msgspec.json.encode(members).decode(),
        partition=partition,
        offset=record.offset,
    )


def outcome_of(status: int) -> PostOutcome:
    """Return what an answer means: a redirect is not followed, whoever it may point to.

    >>> [outcome_of(status).value for status in (202, 307, 403, 503)]
    ['acknowledged', 'redirected', 'refused', 'failed']
    """
    by_hundred = {
        2: PostOutcome.ACKNOWLEDGED,
        3: PostOutcome.REDIRECTED,
        4: PostOutcome.REFUSED,
    }
    return by_hundred.get(status // 100, PostOutcome.FAILED)
