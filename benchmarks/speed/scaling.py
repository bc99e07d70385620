"""What a second worker adds: the same backlog for one worker, and for two that share it.

It must last for several checkpoints of both, or the two are measured between two of them. They take
turns, and the best of each counts: whoever else is at work can only make either slower.
"""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.speed.filling import fill, many
from benchmarks.speed.measure import Rate, Stopwatch
from benchmarks.speed.running import PARTITIONS, Running, judged_count, worker
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected

WORKERS: Final = 2
TURNS: Final = 2
# The rest is left out: whoever got the smaller partitions would be waiting for the other.
_COUNTED_RATIO: Final = 0.6
# Not oftener: the worker answers, and that is counted as well.
_LOOK_SECONDS: Final = 1.0
_BEGIN_SECONDS: Final = 0.1


class Scaling(Struct, frozen=True, kw_only=True):
    """Events a second of one and of two workers, and what of twice the one the two reach.

    By the clock the two share two cores with the broker; by processor time nothing is shared.
    """

    one: Rate
    two: Rate
    efficiency: float
    efficiency_per_cpu_second: float


def scaling(bootstrap: str, home: Path, *, events: int) -> Scaling:
    """Quantity one worker and two in turn."""
    rates: dict[int, list[Rate]] = {1: [], WORKERS: []}
    for turn in range(TURNS):
        for workers, measured in rates.items():
            measured.append(_rate(bootstrap, f"scaling-{workers}-{turn}", home, events, workers))
    alone, shared = _best(rates[1]), _best(rates[WORKERS])
    return Scaling(
        one=alone,
        two=shared,
        efficiency=shared.per_second / (WORKERS * alone.per_second),
        efficiency_per_cpu_second=shared.per_cpu_second / alone.per_cpu_second,
    )


def _best(rates: list[Rate]) -> Rate:
    return Rate(
        per_second=max(rate.per_second for rate in rates),
        per_cpu_second=max(rate.per_cpu_second for rate in rates),
    )


def _rate(bootstrap: str, prefix: str, home: Path, events: int, workers: int) -> Rate:
    """Return what all of them do together, while each of them has something to do."""
    ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)
    with ExitStack() as stack:
        running = [
            stack.enter_context(worker(bootstrap, prefix, home, number=number))
            for number in range(workers)
        ]
        # Only now: the first would have judged half of it before the second had joined.
        asyncio.run(fill(bootstrap, f"{prefix}.access-events", many(events)))
        while not all(judged_count(worker.metrics) for worker in running):
            time.sleep(_BEGIN_SECONDS)
        watches = [Stopwatch(worker.process_id) for worker in running]
        before = _judged(running)
        wanted = before + _COUNTED_RATIO * (events - before)
        while (judged := _judged(running)) < wanted:
            time.sleep(_LOOK_SECONDS)
        rates = [watch.rate(judged - before) for watch in watches]
    # Each watch has counted the events of all, by its own worker's processor time.
    return Rate(
        per_second=rates[0].per_second,
        per_cpu_second=1 / sum(1 / rate.per_cpu_second for rate in rates),
    )


def _judged(running: list[Running]) -> float:
    return sum(judged_count(worker.metrics) for worker in running)
