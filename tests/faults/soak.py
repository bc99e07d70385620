"""`python -m tests.faults.soak --minutes 60`: two workers under load, struck every few minutes."""

import itertools
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from tests.faults.fault_harness import FaultHarness, battle, ground, lag
from tests.faults.schedule import FAULTS, Fault, drawn

LOGS = Path("reports/soak")
CALM_SECONDS = 90.0
LOOK_SECONDS = 30.0
PAGE_BYTES = 4_096
MEGABYTE = 1_000_000


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=60.0, show_default=True)
@click.option("--per-second", type=click.IntRange(1), default=500, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(*, minutes: float, per_second: int, seed: int) -> None:
    """Report rate, memory and lag meanwhile; compare all of it with an undisturbed oracle."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    LOGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, ground(Path(name)) as field:
        fight = battle(field, LOGS, name="soak", seed=seed, per_second=per_second)
        with fight as harness:
            began = time.monotonic()
            with harness.source:
                peak_bytes = _endure(harness, minutes * 60, _faults(seed))
            seconds = time.monotonic() - began
            came = harness.compared()
    for difference in came.differences:
        click.echo(f"DIFFERS: {difference}")
    click.echo(
        f"soak {minutes:g} min, {came.sent_count} events, {came.sent_count / seconds:.0f}/s, "
        f"{came.restarts_count} restarts, at most {peak_bytes / MEGABYTE:.0f} MB a worker, "
        f"differences {len(came.differences)}"
    )
    sys.exit(1 if came.differences else 0)


def _faults(seed: int) -> Iterator[Fault]:
    for each in itertools.count(seed):
        yield from drawn(each).faults


def _endure(harness: FaultHarness, seconds: float, faults: Iterator[Fault]) -> int:
    """Strike in between, for so long; return the most memory that a worker took."""
    end = time.monotonic() + seconds
    strike_at = time.monotonic() + CALM_SECONDS
    peak_bytes = 0
    while time.monotonic() < end:
        harness.pass_time(min(LOOK_SECONDS, max(0.0, end - time.monotonic())))
        sizes = [_resident_bytes(w.process.pid) for w in harness.workers if w.process]
        peak_bytes = max(peak_bytes, *sizes)
        sizes_text = " and ".join(f"{size / MEGABYTE:.0f} MB" for size in sizes)
        behind = lag(harness.bootstrap, harness.prefix)
        click.echo(f"{harness.source.sent_count} sent, {behind} not committed, {sizes_text}")
        if strike_at < time.monotonic() < end - CALM_SECONDS:
            fault = next(faults)
            click.echo(f"  {fault.name} {fault.target}")
            FAULTS[fault.name](harness, fault)
            strike_at = time.monotonic() + CALM_SECONDS
    return peak_bytes


def _resident_bytes(process_id: int) -> int:
    try:
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


if __name__ == "__main__":
    main()
