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

from benchmarks.speed.filling import fill
from benchmarks.speed.growth import (
    Point,
    Recovery,
    cost_by_institutions,
    cost_by_participants,
    recovery,
)
from benchmarks.speed.measure import (
    Delay,
    Rate,
    StateSize,
    alert_delay,
    limit_rate,
    naive_rate,
    peer_rate,
    replay_rate,
    state_size,
    worker_rate,
)
from benchmarks.speed.open_loop import OpenLoop, open_loop
from benchmarks.speed.running import PARTITIONS, peak_bytes, resident_bytes, worker
from benchmarks.speed.workload import records
from streams.broker import LocalBroker
from streams.topic_admin import ensure_topics

RESULT = Path(__file__).with_name("latest.json")
PREFIX = "speed"
PEERS = ("quixstreams", "bytewax")
MEGABYTE = 1_000_000


class Memory(Struct, frozen=True, kw_only=True):
    """What a worker holds when it is ready, and at most while it works off a backlog."""

    idle_bytes: int
    peak_bytes: int


class Growth(Struct, frozen=True, kw_only=True):
    """What becomes of speed, memory and recovery with size."""

    by_institutions: list[Point]
    by_participants: list[Point]
    recovery: Recovery


class Result(Struct, frozen=True, kw_only=True):
    """Everything measured in one run, on one machine, against one broker.

    The first six are events a second by the clock, None where a peer is not installed.
    """

    limit: float
    worker: float
    replay: float
    naive: float
    quixstreams: float | None
    bytewax: float | None
    per_cpu_second: dict[str, float]
    ratio_to_limit: dict[str, float]
    ratio_to_naive: dict[str, float]
    events_count: int
    alert_delay_idle: Delay
    alert_delay: OpenLoop
    state: StateSize
    memory: Memory
    growth: Growth
    machine: str
    load_before: float


def measured(given: argparse.Namespace, home: Path) -> Result:
    """Measure one after the other: they share the machine."""
    load_before = os.getloadavg()[0]
    rates: dict[str, Rate] = {}
    with LocalBroker() as broker:
        bootstrap = broker.bootstrap
        ensure_topics(bootstrap, prefix=PREFIX, partitions=PARTITIONS)
        events = records(given.events)
        topic = f"{PREFIX}.access-events"
        asyncio.run(fill(bootstrap, topic, events))
        rates["limit"] = asyncio.run(limit_rate(bootstrap, topic, given.events))
        with worker(bootstrap, PREFIX, home) as running:
            idle_bytes = resident_bytes(running.process_id)
            rates["worker"] = worker_rate(running, given.events)
            memory = Memory(idle_bytes=idle_bytes, peak_bytes=peak_bytes(running.process_id))
            idle = asyncio.run(alert_delay(bootstrap, PREFIX, 20))
            loop = open_loop(bootstrap, PREFIX, seconds=given.seconds, partitions=PARTITIONS)
            delay = asyncio.run(loop)
        rates["replay"] = replay_rate(events)
        rates["naive"] = naive_rate(bootstrap, topic, count=given.naive_events, home=home)
        for peer in PEERS:
            rate = peer_rate(peer, bootstrap, topic, count=given.peer_events)
            rates |= {} if rate is None else {peer: rate}
        state = state_size(bootstrap, PREFIX, belongs="institution-")
        growth = Growth(
            by_institutions=cost_by_institutions(),
            by_participants=cost_by_participants(),
            recovery=recovery(bootstrap, home, institutions=given.institutions),
        )
    clock = {name: rate.per_second for name, rate in rates.items()}
    cpu = {name: rate.per_cpu_second for name, rate in rates.items()}
    return Result(
        limit=clock["limit"],
        worker=clock["worker"],
        replay=clock["replay"],
        naive=clock["naive"],
        quixstreams=clock.get("quixstreams"),
        bytewax=clock.get("bytewax"),
        per_cpu_second=cpu,
        ratio_to_limit={name: rate / cpu["limit"] for name, rate in cpu.items()},
        ratio_to_naive={name: rate / cpu["naive"] for name, rate in cpu.items()},
        events_count=given.events,
        alert_delay_idle=idle,
        alert_delay=delay,
        state=state,
        memory=memory,
        growth=growth,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        load_before=load_before,
    )


def table(result: Result) -> Table:
    """Return the result as people read it."""
    drawn = Table(title=f"{result.events_count:,} events, {result.machine}")
    for name in ("what", "by the clock", "per CPU-second", "to the limit", "to naive"):
        drawn.add_column(name, justify="left" if name == "what" else "right", no_wrap=True)
    for name, cpu in sorted(result.per_cpu_second.items(), key=lambda item: -item[1]):
        drawn.add_row(
            name,
            f"{getattr(result, name):,.0f}/s",
            f"{cpu:,.0f}/s",
            f"{result.ratio_to_limit[name]:.2f} x",
            f"{result.ratio_to_naive[name]:.1f} x",
        )
    for what, figure in _figures(result):
        drawn.add_row(what, figure, "", "", "")
    return drawn


def _figures(result: Result) -> list[tuple[str, str]]:
    delay, state, grown = result.alert_delay, result.state, result.growth.recovery
    points = [
        *((f"{point.size:,} institutions", point) for point in result.growth.by_institutions),
        *((f"{point.size:,} participants", point) for point in result.growth.by_participants),
    ]
    return [
        ("event to alert, idle, median", f"{result.alert_delay_idle.median_seconds * 1000:.0f} ms"),
        (f"at {delay.events_per_second:,.0f}/s, p50", f"{delay.p50_seconds * 1000:.0f} ms"),
        (f"at {delay.events_per_second:,.0f}/s, p99", f"{delay.p99_seconds * 1000:.0f} ms"),
        ("state of an institution, saved", f"{state.main_bytes:,.0f} B"),
        ("memory, ready", f"{result.memory.idle_bytes / MEGABYTE:.0f} MB"),
        ("memory, at most", f"{result.memory.peak_bytes / MEGABYTE:.0f} MB"),
        (f"start with {grown.institutions_count:,} states", f"{grown.start_seconds:.1f} s"),
        ("start without", f"{grown.start_without_states_seconds:.1f} s"),
        ("bare read of these states", f"{grown.bare_read_seconds:.1f} s"),
        *((name, f"{point.per_cpu_second:,.0f}/s") for name, point in points),
    ]


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--naive-events", type=int, default=20_000)
    parser.add_argument("--peer-events", type=int, default=100_000)
    parser.add_argument("--institutions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the open loop")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = measured(given, Path(home))
    Console().print(table(result))
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
