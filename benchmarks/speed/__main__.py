"""`python -m benchmarks.speed`: one run, one table, and `latest.json` beside it."""

import argparse
import asyncio
import gc
import os
import platform
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console

from benchmarks.speed.backlog import backlog
from benchmarks.speed.filling import fill
from benchmarks.speed.growth import cost_by_institutions, cost_by_participants
from benchmarks.speed.judging import WARM_UP_COUNT
from benchmarks.speed.measure import (
    Delay,
    Rate,
    Records,
    StateSize,
    alert_delay,
    limit_rate,
    mean_rate,
    naive_rate,
    peer_rate,
    replay_rate,
    state_size,
    worker_rate,
)
from benchmarks.speed.open_loop import OpenLoop, open_loop
from benchmarks.speed.recovery import recovery
from benchmarks.speed.refusing import refusing
from benchmarks.speed.results import Growth, Result, table
from benchmarks.speed.running import PARTITIONS, worker
from benchmarks.speed.scaling import scaling
from benchmarks.speed.workload import records
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.local_broker.broker import LocalBroker

RESULT: Final = Path(__file__).with_name("latest.json")
WIDTH: Final = 100
PREFIX: Final = "speed"
PEERS: Final = ("quixstreams", "bytewax")


class Judging(Struct, frozen=True, kw_only=True):
    """What came of one topic: all rates, delays while it was judged, and the states it led to."""

    rates: dict[str, Rate]
    idle: Delay
    loop: OpenLoop
    state: StateSize


def measured(given: argparse.Namespace, home: Path) -> Result:
    """Quantity one after the other: they share the machine."""
    load_before = os.getloadavg()[0]
    with LocalBroker() as broker:
        bootstrap = broker.bootstrap
        judging = _judging(bootstrap, home, given)
        long = backlog(bootstrap, home, events=given.backlog_events, shows=False)
        scaled = scaling(bootstrap, home, events=given.scaling_events)
        refused = refusing(bootstrap, home, events=given.refusing_events)
        recovered = recovery(bootstrap, home, institutions=given.institutions)
    clock = {name: rate.per_second for name, rate in judging.rates.items()}
    cpu = {name: rate.per_cpu_second for name, rate in judging.rates.items()}
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
        alert_delay_idle=judging.idle,
        alert_delay=judging.loop,
        state=judging.state,
        backlog=long,
        scaling=scaled,
        refusing=refused,
        growth=Growth(
            by_institutions=cost_by_institutions(),
            by_participants=cost_by_participants(),
            recovery=recovered,
        ),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        load_before=load_before,
    )


def _judging(bootstrap: str, home: Path, given: argparse.Namespace) -> Judging:
    """Have the same events judged in every way that there is."""
    events = records(given.events)
    prefixes = [f"{PREFIX}-{turn}" for turn in range(given.turns)]
    for prefix in prefixes:
        ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)
        asyncio.run(fill(bootstrap, f"{prefix}.access-events", events))
    # Else the collector would look through all of these again and again, at the others' expense.
    gc.freeze()
    # A broker that has just started compiles itself for a while, on the core beside the reader's.
    asyncio.run(limit_rate(bootstrap, f"{prefixes[0]}.access-events", given.events))
    # In turn, each on events of its own: whoever else is at work on this machine comes and goes.
    turns = [_turn(bootstrap, prefix, home, events, given.naive_events) for prefix in prefixes]
    rates = {name: mean_rate([turn[name] for turn in turns]) for name in turns[0]}
    last = prefixes[-1]
    with worker(bootstrap, last, home, number=2):
        idle = asyncio.run(alert_delay(bootstrap, last, 20))
        measuring = open_loop(bootstrap, last, seconds=given.seconds, partitions=PARTITIONS)
        loop = asyncio.run(measuring)
    state = state_size(bootstrap, last, belongs="institution-")
    return Judging(rates=rates, idle=idle, loop=loop, state=state)


def _turn(
    bootstrap: str, prefix: str, home: Path, events: Records, naive_count: int
) -> dict[str, Rate]:
    """Quantity each once, on a topic whose events nobody has judged yet."""
    topic, count = f"{prefix}.access-events", len(events)
    rates = {"limit": asyncio.run(limit_rate(bootstrap, topic, count))}
    with worker(bootstrap, prefix, home) as running:
        rates["worker"] = worker_rate(running, count)
    rates["replay"] = replay_rate(events)
    rates["naive"] = naive_rate(bootstrap, topic, count=naive_count, home=home)
    for peer in PEERS:
        rate = peer_rate(peer, bootstrap, topic, count=count - WARM_UP_COUNT)
        rates |= {} if rate is None else {peer: rate}
    return rates


def main() -> None:
    """Quantity, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3, help="of all that judge")
    parser.add_argument("--naive-events", type=int, default=20_000)
    parser.add_argument("--backlog-events", type=int, default=300_000)
    parser.add_argument("--scaling-events", type=int, default=3_000_000)
    parser.add_argument("--refusing-events", type=int, default=200_000)
    parser.add_argument("--institutions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the open loop")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = measured(given, Path(home))
    Console(width=WIDTH).print(table(result))
    print(result.backlog)
    print(result.growth.recovery)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
