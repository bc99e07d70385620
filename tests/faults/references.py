"""What the peer references must be: those that one reader of all summaries makes, each recorded."""

from collections.abc import Collection

from detectors.config import CoreConfig
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import Reference, prior_reference
from streams.control.day_closed import DayClosed, read_summary
from streams.control.reference_log import DayReference, read_message
from streams.worker.reference_agent import DayCount
from tests.faults.oracle import KEYS, received

CONFIG = CoreConfig().reference


def reference_differences(bootstrap: str, prefix: str, *, partitions: int) -> list[str]:
    """Return what is wrong with the references on record: each day has its own, said once."""
    recorded = _recorded(bootstrap, prefix)
    expected = _made(bootstrap, prefix, days=recorded.keys(), partitions=partitions)
    return [
        f"the reference of day {day} is not what the summaries make"
        for day, references in sorted(recorded.items())
        if any(reference != expected.get(day) for reference in references)
    ]


def _made(
    bootstrap: str, prefix: str, *, days: Collection[int], partitions: int
) -> dict[int, Reference]:
    builder, count = ReferenceBuilder(CONFIG), DayCount(partitions)
    references: dict[int, Reference] = {}
    for record in received(bootstrap, f"{prefix}.summaries"):
        summary = read_summary(record.value)
        if not isinstance(summary, DayClosed):
            builder.add(summary)
            continue
        closed = count.close(summary.partition, summary.day)
        if closed is not None:
            due = [day for day in days if day <= closed + CONFIG.lag_days]
            references |= {day: builder.build(day) for day in due if day not in references}
    return references


def _recorded(bootstrap: str, prefix: str) -> dict[int, list[Reference]]:
    references: dict[int, list[Reference]] = {}
    topic = f"{prefix}.reference"
    for record in received(bootstrap, topic):
        message = read_message(record, topic=topic, keys=KEYS)
        if isinstance(message, DayReference):
            reference = message.reference or prior_reference(CONFIG)
            references.setdefault(message.day, []).append(reference)
    return references
