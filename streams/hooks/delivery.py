"""Step 7 of 7: one suspension record on its way, and what came of an attempt."""

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from streams.transport import Record


class Outcome(StrEnum):
    """What came of one attempt; only `ACKNOWLEDGED` ends the attempts."""

    ACKNOWLEDGED = "acknowledged"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    UNTRUSTED = "untrusted"
    UNREACHABLE = "unreachable"


class Delivery(Struct, frozen=True, kw_only=True):
    """A record of the topic, to be posted as it lies there."""

    id: str
    institution: str
    body: str
    partition: int
    offset: int


class _Head(Struct, frozen=True, kw_only=True):
    """What the deliverer reads of the CloudEvent; the rest is the receiver's business."""

    id: str
    subject: str


_decoder: Final = msgspec.json.Decoder(_Head)


def delivery_of(record: Record, *, partition: int) -> Delivery | None:
    """Return what is to be posted of a record; None where it is no CloudEvent."""
    try:
        head = _decoder.decode(record.value or b"")
        body = (record.value or b"").decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Delivery(
        id=head.id,
        institution=head.subject,
        body=body,
        partition=partition,
        offset=record.offset,
    )


def outcome_of(status: int) -> Outcome:
    """Return what an answer means: a redirect is not followed, whoever it may point to.

    >>> [outcome_of(status).value for status in (202, 307, 403, 503)]
    ['acknowledged', 'redirected', 'refused', 'failed']
    """
    by_hundred = {2: Outcome.ACKNOWLEDGED, 3: Outcome.REDIRECTED, 4: Outcome.REFUSED}
    return by_hundred.get(status // 100, Outcome.FAILED)
