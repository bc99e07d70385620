"""Step 2 of 7: a stray event -> the same event in its institution's own partition, keyed by it.

An event that lies in another partition than its institution's own, or under another key, would
have a judge of its own, and a theft in two such places would be two halves. So the worker that
meets it sends it on. The record says whence it comes, signed: a replay must know which strays were
judged at home already, and nobody else may say so.
"""

from typing import Final

from detectors.event import AccessEvent
from streams.ingest.codec import encode
from streams.ingest.headers import header_value
from streams.kafka.records import OutgoingRecord, RecordContent
from streams.state.envelope import StateKeys, framed

REKEYED_HEADER: Final = "headgate-rekeyed"

_KEY_ID_BYTES: Final = 4

# The number of a partition, and an offset in it.
StrayOrigin = tuple[int, int]


def rekeyed_record(
    event: AccessEvent,
    *,
    judge: str,
    topic: str,
    partition: int,
    origin: StrayOrigin,
    keys: StateKeys,
) -> OutgoingRecord:
    """Return the event of the stray at `origin` for `partition`, under the key of its judge.

    >>> from streams.state.envelope import StateKeys
    >>> event = AccessEvent(id="e", time=0, institution="Oxford", dataset="imaging")
    >>> keys = StateKeys("sixteen characters")
    >>> record = rekeyed_record(
    ...     event, judge="oxford", topic="t", partition=2, origin=(1, 7), keys=keys
    ... )
    >>> origin_of(record, topic="t", partition=2, keys=keys)
    (1, 7)
    """
    key, value = judge.encode("utf-8", "replace"), encode(event)
    signed = _signed(key, value, topic=topic, partition=partition, origin=origin)
    place = b"%d:%d:" % origin
    return OutgoingRecord(
        topic=topic,
        key=key,
        value=value,
        partition=partition,
        headers=((REKEYED_HEADER, place + keys.signing_id + keys.sign(signed)),),
    )


def origin_of(
    record: RecordContent, *, topic: str, partition: int, keys: StateKeys
) -> StrayOrigin | None:
    """Return where a record lay that was keyed anew; None where no key of ours has signed it so."""
    header = header_value(record.headers, REKEYED_HEADER)
    number, _, rest = (header or b"").partition(b":")
    offset, _, signature = rest.partition(b":")
    if not (number.isdigit() and offset.isdigit()):
        return None
    origin = (int(number[:20]), int(offset[:20]))
    signed = _signed(
        record.key or b"", record.value or b"", topic=topic, partition=partition, origin=origin
    )
    is_ours = keys.check(signature[:_KEY_ID_BYTES], signed, signature[_KEY_ID_BYTES:])
    return origin if is_ours else None


def _signed(key: bytes, value: bytes, *, topic: str, partition: int, origin: StrayOrigin) -> bytes:
    place = b"%d:%d" % origin
    return framed(b"headgate rekeyed", topic.encode(), b"%d" % partition, place, key) + value
