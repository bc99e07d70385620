"""What the peer references must be: those that one reader of all summaries makes, each recorded."""

import msgspec

from detectors.config import CoreConfig
from detectors.reference import Reference, ReferenceBuilder
from detectors.verdict import DailySummary
from streams.control.records import ControlRecord, decode_reference, encode_reference, read_control
from streams.worker.reference_agent import DayCount
from tests.faults.oracle import KEYS, received


def reference_differences(bootstrap: str, prefix: str) -> list[str]:
    """Return what is wrong with the references on record, up to the last of them."""
    expected = _made(bootstrap, prefix)
    recorded = _recorded(bootstrap, prefix)
    last = max(recorded, default=0)
    return [
        f"the reference of day {day} is not what the summaries make"
        for day in sorted(recorded.keys() | {day for day in expected if day <= last})
        if recorded.get(day) != {expected.get(day)}
    ]


def _made(bootstrap: str, prefix: str) -> dict[int, bytes]:
    builder, days = ReferenceBuilder(CoreConfig().reference), DayCount()
    references: dict[int, bytes] = {}
    for record in received(bootstrap, f"{prefix}.summaries"):
        summary = msgspec.json.decode(record.value or b"", type=DailySummary)
        builder.add(summary)
        for day in days.closed(summary.institution, summary.day):
            reference = builder.build(day + 1)
            if reference.day == day + 1 > max(references, default=0):
                references[reference.day] = encode_reference(reference)
    return references


def _recorded(bootstrap: str, prefix: str) -> dict[int, set[bytes]]:
    references: dict[int, set[bytes]] = {}
    topic = f"{prefix}.reference"
    for record in received(bootstrap, topic):
        control = read_control(record, topic=topic, partition=0, keys=KEYS)
        assert isinstance(control, ControlRecord)
        reference = decode_reference(control.value)
        assert isinstance(reference, Reference)
        references.setdefault(reference.day, set()).add(control.value)
    return references
