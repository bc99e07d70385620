"""Step 7 of 7: a rejected record -> a dead letter. Its bytes untouched; why and whence in headers.

So it can be sent again as it was once its producer, or our mapping, has been mended.
"""

from typing import Final

from msgspec import Struct

from streams.ingest.cut_records import CUT_HEADER, cut_value
from streams.ingest.headers import Headers
from streams.ingest.rejects import Rejected
from streams.kafka.records import OutgoingRecord
from streams.kafka.topics import DEAD_LETTERS

REASON_HEADER: Final = "headgate-reason"
DETAIL_HEADER: Final = "headgate-detail"
TOPIC_HEADER: Final = "headgate-topic"
PARTITION_HEADER: Final = "headgate-partition"
OFFSET_HEADER: Final = "headgate-offset"
# What the topic takes. What came packed may be larger, and is cut.
VALUE_BYTES_MAX: Final = 24 * 2**20
# In the order in which they end a dead letter.
OURS: Final = (REASON_HEADER, DETAIL_HEADER, TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER)


class Origin(Struct, frozen=True, kw_only=True):
    """The record as it came, and where it lies."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def record(rejected: Rejected, origin: Origin, *, topic_prefix: str) -> OutgoingRecord:
    """Return the dead letter of `origin`, for the partition of the same number."""
    ours: Headers = (
        (REASON_HEADER, rejected.reason.value.encode()),
        (DETAIL_HEADER, rejected.detail.encode("utf-8", "replace")),
        (TOPIC_HEADER, origin.topic.encode()),
        (PARTITION_HEADER, b"%d" % origin.partition),
        (OFFSET_HEADER, b"%d" % origin.offset),
    )
    value, theirs = origin.value, _theirs(origin.headers)
    if value is not None and len(value) > VALUE_BYTES_MAX:
        value, note = cut_value(value)
        theirs = (*theirs, (CUT_HEADER, note))
    return OutgoingRecord(
        topic=DEAD_LETTERS.full_name(topic_prefix),
        key=origin.key,
        value=value,
        partition=origin.partition,
        headers=(*theirs, *ours),
    )


def _theirs(headers: Headers) -> Headers:
    """Return a producer's headers as they were, whatever their names; not those of a dead letter.

    One that was sent again and rejected again says the latest reason only.
    """
    ours_count = len(OURS)
    is_dead_letter = tuple(name for name, _ in headers[-ours_count:]) == OURS
    return headers[:-ours_count] if is_dead_letter else headers
