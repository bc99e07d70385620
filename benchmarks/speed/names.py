"""`python -m benchmarks.speed.names --names N`: what the memory of N names that came once costs.

A replay judges one event of each name. Printed are the names, the memory of the process above that
before the first, and the processor time of a name; exit code 1 where a million names would cost
more than a gibibyte.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.register import Register
from streams.replay.replay import Replay
from streams.report.builder import ReportBuilder

MIB: Final = 2**20
NAMES_TOLD: Final = 1_000_000
LIMIT_MIB: Final = 1_024
_PAGE_BYTES: Final = 4_096
_START_MS: Final = 1_767_600_000_000
# So that a million of them come within a day.
_STEP_MS: Final = 80


def events(count: int) -> Iterator[AccessEvent]:
    """Yield one event of each name; each takes three people."""
    for number in range(count):
        first = number % 1_000
        yield AccessEvent(
            id=f"e{number}",
            time=_START_MS + number * _STEP_MS,
            institution=f"invented-{number}",
            dataset="imaging",
            participants=Participants(ranges=[(first, first + 2)]),
        )


def resident_mib() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE_BYTES / MIB


@click.command()
@click.option("--names", type=click.IntRange(min=1), default=NAMES_TOLD, show_default=True)
def main(*, names: int) -> None:
    """Judge one event of each name, and print what they cost."""
    replay = Replay(CoreConfig(), register=Register(), recorder=ReportBuilder())
    before_mib, began_seconds = resident_mib(), time.process_time()
    for _ in replay.effects(events(names)):
        pass
    cost_mib = resident_mib() - before_mib
    microseconds = (time.process_time() - began_seconds) / names * 1e6
    click.echo(f"{names:,} names: {cost_mib:,.0f} MiB, {microseconds:,.0f} us of processor a name")
    sys.exit(cost_mib > LIMIT_MIB * max(1.0, names / NAMES_TOLD))


if __name__ == "__main__":
    main()
