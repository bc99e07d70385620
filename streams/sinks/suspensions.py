"""Step 7 of 7: a suspension -> a CloudEvent on the compacted suspensions topic.

The core only asks. Whether anybody is stopped is the operator's mode, written into the record, so
that nobody who reads it later can take a dry run for a suspension.
"""

from typing import Final, Literal

import msgspec

from detectors.response.suspension import Suspension
from detectors.verdict import Suspend
from streams.sinks.cloudevent import cloudevent
from streams.sinks.outgoing import CLOUDEVENT_HEADERS, OutgoingRecord
from streams.topics import SUSPENSIONS

REQUESTED: Final = "requested"


def record(effect: Suspend, *, mode: Literal["dry_run", "on"], topic_prefix: str) -> OutgoingRecord:
    """Return the request as a record: keyed by institution, its id the same at every repeat."""
    data = {
        "suspension_id": effect.suspension_id,
        "state": REQUESTED,
        "dry_run": mode == "dry_run",
        "alert_id": effect.alert_id,
        "institution": effect.institution,
        "scope": effect.scope,
        "subject": effect.subject,
        "at_ms": effect.at_ms,
        "expires_ms": effect.expires_ms,
        "reason": effect.reason_text,
    }
    return OutgoingRecord(
        topic=SUSPENSIONS.full_name(topic_prefix),
        key=effect.institution.encode(),
        value=cloudevent(
            event_id=effect.suspension_id,
            kind=f"headgate.suspension.{REQUESTED}",
            subject=effect.institution,
            at_ms=effect.at_ms,
            data=msgspec.json.encode(data),
        ),
        headers=CLOUDEVENT_HEADERS,
    )


def state_record(suspension: Suspension, *, topic_prefix: str) -> OutgoingRecord:
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
        headers=CLOUDEVENT_HEADERS,
    )
