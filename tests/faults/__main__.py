"""`python -m tests.faults --schedules N --seed S`: N seeded schedules of faults on a real Kafka."""

import logging
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.faults.broken import RULES, WHOLE
from tests.faults.fault_harness import Ground, ground
from tests.faults.schedule import drawn, run

LOGS = Path("reports/faults")


@click.command()
@click.option("--schedules", type=click.IntRange(1), default=30, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first of them.")
@click.option(
    "--break",
    "broken",
    type=click.Choice(list(RULES)),
    default=WHOLE,
    show_default=True,
    help="A rule of the protocol that workers break, to see whether it would be seen.",
)
def main(*, schedules: int, seed: int, broken: str) -> None:
    """Strike workers and broker, and compare what came out with an undisturbed oracle.

    The workers' logs are left in reports/faults.
    """
    # The sources say, again and again, that a broker which was killed does not answer.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    LOGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, ground(Path(name)) as field:
        differences = [
            difference
            for each in range(seed, seed + schedules)
            for difference in _told(each, field, broken)
        ]
    click.echo(f"schedules {schedules}, differences {len(differences)}")
    sys.exit(1 if differences else 0)


def _told(seed: int, field: Ground, broken: str) -> list[str]:
    schedule = drawn(seed)
    click.echo(schedule)
    began = time.monotonic()
    came = run(schedule, field, LOGS, broken=broken)
    for difference in came.differences:
        click.echo(f"  DIFFERS: {difference}")
    click.echo(
        f"  {came.sent_count} events, {came.restarts_count} restarts, "
        f"{came.points_count} at a point, {came.outputs_count} outputs, "
        f"{came.repeats_count} repeated; "
        f"{len(came.differences)} differences, {time.monotonic() - began:.0f} s"
    )
    return came.differences


if __name__ == "__main__":
    main()
