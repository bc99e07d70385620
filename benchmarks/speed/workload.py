"""The events that everything is measured on: typical ones, and grabs that trip alerts."""

import random
from collections.abc import Iterator

from detectors.event import AccessEvent, Participants
from streams.ingest.codec import encode

INSTITUTIONS = 200
COHORT = 500_000
START_MS = 1_767_600_000_000
STEP_MS = 200
RANGES_RATIO = 0.5


def typical_events(count: int, *, seed: int = 1) -> Iterator[AccessEvent]:
    """Yield events as a quiet platform sees them: one range or up to ten ids, one dataset.

    Each institution reads again and again from its own tenth of the cohort.
    """
    source = random.Random(seed)
    for number in range(count):
        who = source.randrange(INSTITUTIONS)
        base = who * (COHORT // INSTITUTIONS // 10)
        if source.random() < RANGES_RATIO:
            first = base + source.randrange(2_000)
            participants = Participants(ranges=[(first, first + source.randrange(50))])
        else:
            ids = [base + source.randrange(2_000) for _ in range(source.randrange(1, 11))]
            participants = Participants(ids=ids)
        yield AccessEvent(
            id=f"event-{number}",
            time=START_MS + number * STEP_MS,
            institution=f"institution-{who:03}",
            project=f"project-{who % 7}",
            user=f"user-{source.randrange(20)}",
            dataset="imaging",
            bytes=source.randrange(10_000_000),
            rows=source.randrange(1_000),
            files=1,
            participants=participants,
        )


def grab(number: int) -> AccessEvent:
    """Return an event that trips an alert at once: a new institution takes a tenth."""
    return AccessEvent(
        id=f"grab-{number}",
        time=START_MS + number,
        institution=f"thief-{number:03}",
        dataset="imaging",
        participants=Participants(ranges=[(0, COHORT // 10)]),
    )


def records(count: int) -> list[tuple[bytes, bytes]]:
    """Return keys and values of typical events, as they lie on Kafka."""
    return [(event.institution.encode(), encode(event)) for event in typical_events(count)]
