"""A seeded schedule of faults, struck at two workers and their broker while events come in."""

import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from tests.faults.broken import WHOLE
from tests.faults.fault_harness import WORKERS, FaultHarness, Ground, Outcome, battle
from tests.faults.proxy import Weather
from tests.faults.worker_under_test import CLOCK, PHASES, RECOVERY, SESSION_SECONDS
from tests.faults.workers import Worker

FAULTS_MIN, FAULTS_MAX = 2, 4
PAUSE_SECONDS_MAX = 1.2
WEATHER_SECONDS = 1.2
BROKER_GONE_SECONDS = 1.0
POINT_VISITS_MAX = 3
POLITE_SECONDS_MAX = 3.0
# To start, to be given partitions and to make some checkpoints.
POINT_SECONDS_MAX = 12.0


class Fault(Struct, frozen=True, kw_only=True):
    """One fault: which, after how long, and whom it strikes."""

    name: str
    after_seconds: float
    target: int
    visits: int


class Schedule(Struct, frozen=True, kw_only=True):
    """All faults of one run."""

    seed: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        """Return it as one reads it."""
        faults = ", ".join(f"{fault.name} {fault.target}" for fault in self.faults)
        return f"schedule {self.seed}: {faults}"


def kill(harness: FaultHarness, fault: Fault) -> None:
    """End a worker at once, wherever it is."""
    harness.workers[fault.target].signal(signal.SIGKILL)


def jump_clock(harness: FaultHarness, fault: Fault) -> None:
    """Replace a worker by one whose time of day jumps, at once."""
    worker = harness.workers[fault.target]
    worker.kill()
    worker.start(point=CLOCK)


def die_at(point: str) -> Callable[[FaultHarness, Fault], None]:
    """Return what replaces a worker by one that dies at a point, and waits until it has."""

    def is_past(worker: Worker) -> bool:
        # Who is ready has nothing more to recover: there were too few states yet.
        return not worker.armed or (point == RECOVERY and worker.is_ready())

    def strike(harness: FaultHarness, fault: Fault) -> None:
        worker = harness.workers[fault.target]
        # Politely, for the group waits a whole session for one that was killed.
        worker.retire(POLITE_SECONDS_MAX)
        worker.start(point=point, count=fault.visits)
        harness.pass_time(POINT_SECONDS_MAX, unless=lambda: is_past(worker))
        if worker.armed:
            worker.kill()

    return strike


def freeze(harness: FaultHarness, fault: Fault) -> None:
    """Stop a worker until another has taken over, and wake it as a zombie."""
    worker = harness.workers[fault.target]
    worker.signal(signal.SIGSTOP)
    # The fault is that time passes for everybody else; nobody is restarted meanwhile.
    time.sleep(SESSION_SECONDS + 1.0)
    worker.signal(signal.SIGCONT)


def roll(harness: FaultHarness, fault: Fault) -> None:
    """Restart the workers politely, one after the other, as an upgrade does."""
    first = fault.target
    for worker in (*harness.workers[first:], *harness.workers[:first]):
        worker.signal(signal.SIGTERM)
        harness.pass_time(1.0)


def join(harness: FaultHarness, fault: Fault) -> None:
    """Let a third worker join, and leave in the middle of it all."""
    third = harness.workers[WORKERS]
    third.start()
    harness.pass_time(1.0 + fault.visits)
    third.signal(signal.SIGTERM if fault.target else signal.SIGKILL)
    assert third.process is not None
    third.process.wait(30)
    third.process = None


def crash_broker(harness: FaultHarness, fault: Fault) -> None:
    """Kill the broker, and start it again."""
    harness.ground.broker.kill()
    harness.pass_time(BROKER_GONE_SECONDS * fault.visits)
    harness.ground.broker.restart()


def restart_broker(harness: FaultHarness, fault: Fault) -> None:
    """Stop the broker politely, and start it again."""
    del fault
    harness.ground.broker.stop()
    harness.ground.broker.start()


def weather(now: Weather) -> Callable[[FaultHarness, Fault], None]:
    """Return what spoils the network for a while."""

    def strike(harness: FaultHarness, fault: Fault) -> None:
        harness.ground.proxy.set(now)
        harness.pass_time(WEATHER_SECONDS * fault.visits)
        harness.ground.proxy.set(Weather.FAIR)

    return strike


FAULTS: Mapping[str, Callable[[FaultHarness, Fault], None]] = {
    "kill": kill,
    **{f"kill before {phase}": die_at(phase) for phase in PHASES},
    "kill in recovery": die_at(RECOVERY),
    "clock jumps": jump_clock,
    "freeze": freeze,
    "rolling restart": roll,
    "join and leave": join,
    "broker crash": crash_broker,
    "broker restart": restart_broker,
    **{f"{now} network": weather(now) for now in Weather if now is not Weather.FAIR},
}
# They take the longest, and one of them strikes everybody.
ONCE = frozenset({"broker crash", "broker restart"})


def drawn(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    source = random.Random(seed)
    names = list(FAULTS)
    faults: list[Fault] = []
    for _ in range(source.randint(FAULTS_MIN, FAULTS_MAX)):
        name = source.choice(names)
        if name in ONCE:
            names = [name for name in names if name not in ONCE]
        fault = Fault(
            name=name,
            after_seconds=source.uniform(0.2, PAUSE_SECONDS_MAX),
            target=source.randrange(WORKERS),
            visits=source.randint(1, POINT_VISITS_MAX),
        )
        faults.append(fault)
    return Schedule(seed=seed, faults=tuple(faults))


def run(schedule: Schedule, ground: Ground, home: Path, *, broken: str = WHOLE) -> Outcome:
    """Strike, settle, stop and compare; the workers break one rule of the protocol, or none."""
    name = str(schedule.seed)
    with battle(ground, home, name=name, seed=schedule.seed, broken=broken) as harness:
        with harness.source:
            # Not all schedules wait for calm: a start is a good moment to be struck.
            if schedule.seed % 2:
                harness.wait_until(harness.are_ready)
            _strike_all(harness, schedule)
        return harness.compared()


def _strike_all(harness: FaultHarness, schedule: Schedule) -> None:
    for fault in schedule.faults:
        harness.pass_time(fault.after_seconds)
        FAULTS[fault.name](harness, fault)
    harness.pass_time(PAUSE_SECONDS_MAX)
