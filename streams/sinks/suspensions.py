"""Step 7 of 7: a suspension's state -> a CloudEvent on the compacted suspensions topic.

Whether anybody is stopped stands in the record, so that nobody who reads it later can take a dry
run for a suspension.
"""

import msgspec

from detectors.response.decoding import decode_json
from detectors.response.suspension import Suspension
from streams.kafka.records import OutgoingRecord
from streams.kafka.topics import SUSPENSIONS
from streams.sinks.cloudevent import CLOUDEVENT_HEADERS, cloudevent, read_cloudevent


def record(suspension: Suspension, *, topic_prefix: str) -> OutgoingRecord:
    """Return a suspension's state: keyed by scope, so that the topic's last word is what holds.

    Written in transactions: read it with `isolation_level="read_committed"`.
    """
    return OutgoingRecord(
        topic=SUSPENSIONS.full_name(topic_prefix),
        key=suspension.scope_id.encode(),
        value=cloudevent(
            event_id=suspension.record_id,
            kind=f"headgate.suspension.{suspension.state}",
            subject=suspension.institution,
            at_ms=suspension.at_ms,
            data=msgspec.json.encode(suspension, order="sorted"),
        ),
        partition=0,
        headers=CLOUDEVENT_HEADERS,
    )


def suspension_of(raw: bytes) -> Suspension:
    """Return the suspension in a record's value.

    Raises:
        msgspec.DecodeError: it holds none.
    """
    return decode_json(read_cloudevent(raw).data, kind=Suspension)
