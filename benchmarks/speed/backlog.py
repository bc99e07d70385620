"""`python -m benchmarks.speed.backlog --events N`: whether any backlog fits into memory.

A worker that was away for weeks meets all of it at once. What it holds meanwhile must not depend
on how much there is: exit code 1 if it does, by more than half a gigabyte above an idle worker.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.speed.filling import Record, fill, many
from benchmarks.speed.measure import Rate, Stopwatch
from benchmarks.speed.running import (
    PARTITIONS,
    Running,
    judged_count,
    peak_bytes,
    resident_bytes,
    worker,
)
from streams.console.progress import NullProgress, Progress, steps
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.local_broker.broker import LocalBroker

MEGABYTE: Final = 1_000_000
ALLOWED_BYTES: Final = 500 * MEGABYTE
EVENTS_COUNT: Final = 5_000_000
_PREFIX: Final = "backlog"
_LOOK_SECONDS: Final = 0.25
_TOLD_EVERY: Final = 10_000
# By then the last checkpoint is through, and what it needed is given back.
_SETTLE_SECONDS: Final = 6.0


class Backlog(Struct, frozen=True, kw_only=True):
    """What a worker holds before, while and after it works off a backlog, and how fast it does."""

    events_count: int
    idle_bytes: int
    peak_bytes: int
    end_bytes: int
    allowed_bytes: int
    per_second: float
    per_cpu_second: float

    @property
    def fits(self) -> bool:
        """Whether it stays within what is allowed."""
        return self.peak_bytes <= self.idle_bytes + self.allowed_bytes

    def __str__(self) -> str:
        """Return it as one reads it."""
        megabytes = [
            f"{name} {count / MEGABYTE:,.0f} MB"
            for name, count in (
                ("idle", self.idle_bytes),
                ("peak", self.peak_bytes),
                ("end", self.end_bytes),
                ("allowed", self.idle_bytes + self.allowed_bytes),
            )
        ]
        rates = f"{self.per_second:,.0f}/s, {self.per_cpu_second:,.0f} a CPU-second"
        return f"{self.events_count:,} events: {', '.join(megabytes)}; {rates}"


def backlog(bootstrap: str, home: Path, *, events: int, shows: bool) -> Backlog:
    """Fill a topic, and have a worker work it off; `shows` how far it is."""
    ensure_topics(unprotected(bootstrap), prefix=_PREFIX, partitions=PARTITIONS)
    with worker(bootstrap, _PREFIX, home) as idle:
        idle_bytes = resident_bytes(idle.process_id)
    with steps("fill", total=events) if shows else NullProgress() as progress:
        messages = _told(many(events), progress)
        asyncio.run(fill(bootstrap, f"{_PREFIX}.access-events", messages))
    with worker(bootstrap, _PREFIX, home) as running:
        with steps("judge", total=events) if shows else NullProgress() as progress:
            rate = _worked_off(running, events, progress)
        time.sleep(_SETTLE_SECONDS)
        return Backlog(
            events_count=events,
            idle_bytes=idle_bytes,
            peak_bytes=peak_bytes(running.process_id),
            end_bytes=resident_bytes(running.process_id),
            allowed_bytes=ALLOWED_BYTES,
            per_second=rate.per_second,
            per_cpu_second=rate.per_cpu_second,
        )


def _told(records: Iterator[Record], progress: Progress) -> Iterator[Record]:
    for count, record in enumerate(records, start=1):
        yield record
        if count % _TOLD_EVERY == 0:
            progress.reach(events_count=count, done=count)


def _worked_off(running: Running, count: int, progress: Progress) -> Rate:
    watch, before = Stopwatch(running.process_id), judged_count(running.metrics)
    while (judged := judged_count(running.metrics)) < count:
        progress.reach(events_count=int(judged), done=judged)
        time.sleep(_LOOK_SECONDS)
    return watch.rate(judged - before)


def main() -> None:
    """Quantity, print, and end with 1 if it does not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS_COUNT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, LocalBroker() as broker:
        result = backlog(broker.bootstrap, Path(home), events=given.events, shows=True)
    print(result)
    sys.exit(0 if result.fits else 1)


if __name__ == "__main__":
    main()
