"""What one run has measured, as it is kept and as people read it."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from rich.table import Table

from benchmarks.speed.backlog import MEGABYTE, Backlog
from benchmarks.speed.growth import InstitutionsPoint, ParticipantsPoint
from benchmarks.speed.measure import Delay, StateSize
from benchmarks.speed.open_loop import OpenLoop
from benchmarks.speed.recovery import Recovery
from benchmarks.speed.refusing import Refusing
from benchmarks.speed.scaling import Scaling

# With fewer, the libraries themselves are most of what each would be said to hold.
_INSTITUTIONS_SHARING_MIN: Final = 1_000

# What, by the clock, and per CPU-second.
Rows = Iterator[tuple[str, str, str]]


class Growth(Struct, frozen=True, kw_only=True):
    """What becomes of speed, memory and recovery with size."""

    by_institutions: list[InstitutionsPoint]
    by_participants: list[ParticipantsPoint]
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
    backlog: Backlog
    scaling: Scaling
    refusing: Refusing
    growth: Growth
    machine: str
    load_before: float


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
    for rows in (_delays, _sizes, _workers, _recovery, _curves):
        for row in rows(result):
            drawn.add_row(*row, "", "")
    return drawn


def _delays(result: Result) -> Rows:
    delay, idle = result.alert_delay, result.alert_delay_idle
    yield "event to alert, idle, median", f"{idle.median_seconds * 1000:.0f} ms", ""
    under = f"at {delay.events_per_second:,.0f}/s"
    yield f"{under}, p50", f"{delay.p50_seconds * 1000:.0f} ms", ""
    yield f"{under}, p99", f"{delay.p99_seconds * 1000:.0f} ms", ""


def _sizes(result: Result) -> Rows:
    yield "state of an institution, saved", f"{result.state.main_bytes:,.0f} B", ""
    for point in result.growth.by_institutions:
        if point.size >= _INSTITUTIONS_SHARING_MIN:
            yield f"one in memory of {point.size:,}", f"{point.resident_bytes_each:,.0f} B", ""
    backlog = result.backlog
    most = backlog.idle_bytes + backlog.allowed_bytes
    yield "memory, idle", f"{backlog.idle_bytes / MEGABYTE:.0f} MB", ""
    memory = f"{backlog.peak_bytes / MEGABYTE:.0f} of {most / MEGABYTE:.0f} MB"
    yield f"in a backlog of {backlog.events_count:,}", memory, ""


def _workers(result: Result) -> Rows:
    scaling, refusing = result.scaling, result.refusing
    for name, rate in (("one worker", scaling.one), ("two workers", scaling.two)):
        yield name, f"{rate.per_second:,.0f}/s", f"{rate.per_cpu_second:,.0f}/s"
    yield (
        "efficiency of the two",
        f"{100 * scaling.efficiency:.0f} %",
        f"{100 * scaling.efficiency_per_cpu_second:.0f} %",
    )
    dead_letter = f"dead_letter {refusing.refusal_cpu_microseconds:.0f} us"
    name = f"{100 * refusing.spoilt_ratio:.0f} % refused, processor time"
    yield name, dead_letter, f"{100 * refusing.cost_ratio:+.1f} %"


def _recovery(result: Result) -> Rows:
    recovery = result.growth.recovery
    name, _, seconds = str(recovery).partition(": ")
    yield f"{name} of {recovery.institutions_count:,} states", seconds.replace("allowed ", ""), ""
    yield "start without", f"{recovery.start_without_states_seconds:.1f} s", ""
    yield "bare read of these states", f"{recovery.bare_read_seconds:.2f} s", ""


def _curves(result: Result) -> Rows:
    for growth in result.growth.by_institutions:
        first = f"first {growth.first_event_cpu_microseconds:.0f} us"
        yield f"{growth.size:,} institutions", first, f"{growth.per_cpu_second:,.0f}/s"
    for many in result.growth.by_participants:
        ids = f"{many.participants_per_cpu_second:,.0f} ids/s"
        yield f"{many.size:,} participants an event", ids, f"{many.per_cpu_second:,.0f}/s"
