"""What grows with institutions and participants: time per event, and memory."""

import gc
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from msgspec import Struct

from benchmarks.speed.running import resident_bytes
from benchmarks.speed.workload import COHORT, START_MS
from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.register import Register
from streams.replay.replay import Replay
from streams.worker.run import COLLECT_AFTER

INSTITUTIONS: Final = (10, 100, 1_000, 10_000, 100_000)
PARTICIPANTS: Final = (1, 10, 100, 1_000, 10_000, 100_000)
# Each institution sends as often, however many there are: or the many would close more days.
_PERIOD_MS: Final = 600_000
_ROUNDS_MIN: Final = 6
_EVENTS_MIN: Final = 20_000
_STEP_MS: Final = 1_000


class InstitutionsPoint(Struct, frozen=True, kw_only=True):
    """What so many institutions cost: to begin with, event by event from then on, and in memory."""

    size: int
    first_event_cpu_microseconds: float
    per_cpu_second: float
    resident_bytes_each: float


class ParticipantsPoint(Struct, frozen=True, kw_only=True):
    """Events a second of one core with so many participants in each, and how many that makes."""

    size: int
    per_cpu_second: float
    participants_per_cpu_second: float


def spread(count: int, *, institutions: int, first: int = 0) -> Iterator[AccessEvent]:
    """Yield events of so many institutions in turn, from the number `first` on."""
    for number in range(first, first + count):
        begin = number * 7 % (COHORT - 20)
        yield AccessEvent(
            id=f"e{number}",
            time=START_MS + number * _PERIOD_MS // institutions,
            institution=f"of-{institutions}-{number % institutions}",
            dataset="imaging",
            bytes=1_000,
            participants=Participants(ranges=[(begin, begin + 9)]),
        )


def wide(count: int, *, participants: int) -> Iterator[AccessEvent]:
    """Yield events of twenty institutions, each with so many scattered participants."""
    for number in range(count):
        first = number * 11 % (COHORT - 4 * participants)
        yield AccessEvent(
            id=f"e{number}",
            time=START_MS + number * _STEP_MS,
            institution=f"wide-{number % 20}",
            dataset="imaging",
            bytes=1_000,
            participants=Participants(ids=list(range(first, first + 4 * participants, 4))),
        )


def cost_by_institutions() -> list[InstitutionsPoint]:
    """Return the cost at each number of institutions.

    Each in a process of its own, or the memory that one has given back would be the next one's.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return list(pool.map(institutions_point, INSTITUTIONS))


def cost_by_participants() -> list[ParticipantsPoint]:
    """Return the rate at each number of participants an event."""
    points = []
    for size in PARTICIPANTS:
        events = list(wide(max(40, min(20_000, 2_000_000 // size)), participants=size))
        rate = len(events) / _cpu_seconds(_replay(), events)
        points.append(
            ParticipantsPoint(
                size=size, per_cpu_second=rate, participants_per_cpu_second=rate * size
            )
        )
    return points


def institutions_point(size: int) -> InstitutionsPoint:
    """Return what `size` institutions cost: the first event of each, and then the others."""
    # As the worker does: else Python would look for cycles in all profiles again and again.
    gc.set_threshold(COLLECT_AFTER)
    replay = _replay()
    events = list(spread(size, institutions=size))
    before_bytes = resident_bytes(os.getpid())
    first_seconds = _cpu_seconds(replay, events)
    rounds = max(_ROUNDS_MIN, _EVENTS_MIN // size)
    steady_seconds = 0.0
    for number in range(1, rounds + 1):
        events[:] = spread(size, institutions=size, first=number * size)
        steady_seconds += _cpu_seconds(replay, events)
    return InstitutionsPoint(
        size=size,
        first_event_cpu_microseconds=first_seconds / size * 1e6,
        per_cpu_second=rounds * size / steady_seconds,
        resident_bytes_each=(resident_bytes(os.getpid()) - before_bytes) / size,
    )


def _replay() -> Replay:
    return Replay(CoreConfig(), register=Register())


def _cpu_seconds(replay: Replay, events: list[AccessEvent]) -> float:
    began = time.process_time()
    for _ in replay.effects(events):
        pass
    return time.process_time() - began
