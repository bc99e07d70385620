"""`python -m benchmarks.speed`: one run, one table, and `latest.json` beside it."""

import argparse
import asyncio
import os
import platform
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks.speed.measure import (
    PARTITIONS,
    Delay,
    Rate,
    StateSize,
    alert_delay,
    fill,
    limit_rate,
    naive_rate,
    replay_rate,
    state_size,
    worker,
    worker_rate,
)
from benchmarks.speed.workload import records
from streams.broker import LocalBroker
from streams.topic_admin import ensure_topics

RESULT = Path(__file__).with_name("latest.json")
PREFIX = "speed"


class Result(Struct, frozen=True, kw_only=True):
    """Everything measured in one run, on one machine, against one broker."""

    events_count: int
    limit: Rate
    replay: Rate
    worker: Rate
    naive: Rate
    worker_to_limit_ratio: float
    worker_to_naive_ratio: float
    alert_delay: Delay
    state: StateSize
    machine: str
    load_before: float


def measured(events_count: int, naive_count: int, home: Path) -> Result:
    """Measure one after the other: they share the machine."""
    load_before = os.getloadavg()[0]
    with LocalBroker() as broker:
        bootstrap = broker.bootstrap
        ensure_topics(bootstrap, prefix=PREFIX, partitions=PARTITIONS)
        events = records(events_count)
        topic = f"{PREFIX}.access-events"
        asyncio.run(fill(bootstrap, topic, events))
        limit = asyncio.run(limit_rate(bootstrap, topic, events_count))
        replay = replay_rate(events)
        with worker(bootstrap, PREFIX, home) as running:
            judged = worker_rate(running, events_count)
            delay = asyncio.run(alert_delay(bootstrap, PREFIX, 20))
        state = state_size(bootstrap, PREFIX, belongs="institution-")
        naive = naive_rate(bootstrap, topic, count=naive_count, home=home)
    return Result(
        events_count=events_count,
        limit=limit,
        replay=replay,
        worker=judged,
        naive=naive,
        worker_to_limit_ratio=judged.per_cpu_second / limit.per_cpu_second,
        worker_to_naive_ratio=judged.per_cpu_second / naive.per_cpu_second,
        alert_delay=delay,
        state=state,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        load_before=load_before,
    )


def table(result: Result) -> Table:
    """Return the result as people read it."""
    drawn = Table(title=f"{result.events_count:,} events, {result.machine}")
    for name in ("what", "by the clock", "per CPU-second", "to naive"):
        drawn.add_column(name, justify="left" if name == "what" else "right", no_wrap=True)
    for name, rate in (
        ("bare aiokafka and msgspec", result.limit),
        ("replay of a file", result.replay),
        ("worker, end to end", result.worker),
        ("naive build", result.naive),
    ):
        ratio = rate.per_cpu_second / result.naive.per_cpu_second
        clock, cpu = f"{rate.per_second:,.0f}/s", f"{rate.per_cpu_second:,.0f}/s"
        drawn.add_row(name, clock, cpu, f"{ratio:.1f} x")
    delay, state = result.alert_delay, result.state
    drawn.add_row("event to alert, median", f"{delay.median_seconds * 1000:.0f} ms", "", "")
    drawn.add_row("event to alert, longest", f"{delay.max_seconds * 1000:.0f} ms", "", "")
    drawn.add_row("state of an institution, saved", f"{state.main_bytes:,.0f} B", "", "")
    drawn.add_row("the same, before compression", f"{state.main_plain_bytes:,.0f} B", "", "")
    drawn.add_row("its bitmaps, saved", f"{state.parts_bytes:,.0f} B", "", "")
    return drawn


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--naive-events", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = measured(given.events, given.naive_events, Path(home))
    Console().print(table(result))
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
