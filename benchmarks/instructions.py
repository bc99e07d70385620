"""`python -m benchmarks.instructions --base DIR`: what a good event costs beside another tree.

Instructions that the processor carries out to decode and judge one more event, counted by valgrind,
so that neither load nor clock matters: of this tree and of the one in DIR, on the same log, in the
same run. The log is the typical one of `benchmarks.speed`, after everybody in it is known. The last
line says the ratio; the exit code is 1 beyond `--ratio-max`.

    git worktree add ../base COMMIT
    python -m benchmarks.instructions --base ../base
"""

import os
import re
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Final

import click

from benchmarks.speed.workload import typical_events
from streams.ingest.codec import encode

_TREE: Final = Path(__file__).parents[1]
# Of 200 institutions, those with a smaller name: five.
_FEW_BEFORE: Final = "institution-005"
_WARM_UP: Final = 2
_VALGRIND: Final = (
    "valgrind",
    "--tool=cachegrind",
    "--cache-sim=no",
    "--cachegrind-out-file=/dev/null",
)
_COUNTED: Final = re.compile(r"I\s+refs:\s+([\d,]+)")
# Run by both trees, so that it knows only what both have.
_RUNNER: Final = """
import sys
from pathlib import Path

from detectors.config import CoreConfig
from detectors.pipeline import judge, open_profile

try:
    from streams.ingest.codec import DecodeConfig, decode, decode_limits
except ModuleNotFoundError:
    # Where it stood before the shell had rooms.
    from streams.codec import DecodeConfig, decode, decode_limits

log, count = Path(sys.argv[1]).read_bytes().splitlines(), int(sys.argv[2])
config = CoreConfig()
limits = decode_limits(DecodeConfig(), config.cohort)
profiles = {}
begun = len(log) - int(sys.argv[3])
for line in log[: begun + count]:
    event = decode(line, limits)
    profile = profiles.get(event.institution)
    if profile is None:
        profile = profiles[event.institution] = open_profile(event.institution, config=config)
    judge(profile, event)
"""


def known(events_count: int) -> list[bytes]:
    """Return typical events of a few institutions, twice as many of them before those to count.

    By then everybody in them is known to their institution, as on a platform that has run for long.
    """
    lines_count = _WARM_UP * events_count + events_count
    few = (event for event in typical_events(10**9) if event.institution < _FEW_BEFORE)
    return [encode(event) for event in islice(few, lines_count)]


def instructions(tree: Path, log: Path, *, count: int, events_count: int) -> int:
    """Return the instructions of judging all but the last events, and `count` of these."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory(prefix="headgate-instructions-") as name:
        runner = Path(name) / "runner.py"
        runner.write_text(_RUNNER)
        run = subprocess.run(
            [*_VALGRIND, sys.executable, runner, log, str(count), str(events_count)],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    counted = _COUNTED.search(run.stderr)
    if run.returncode or counted is None:
        problem = f"{tree}: {run.stderr[-2_000:]}"
        raise click.ClickException(problem)
    return int(counted[1].replace(",", ""))


def per_event(tree: Path, log: Path, *, events_count: int) -> float:
    """Return how many instructions one more event costs; what is once for all is left out."""
    before, after = (
        instructions(tree, log, count=count, events_count=events_count)
        for count in (0, events_count)
    )
    return (after - before) / events_count


@click.command()
@click.option("--base", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--events", default=2_000, show_default=True, type=click.IntRange(100))
@click.option("--ratio-max", default=1.03, show_default=True)
def main(base: Path, events: int, ratio_max: float) -> None:
    """Count the instructions of a good event in this tree and in another."""
    with tempfile.TemporaryDirectory(prefix="headgate-instructions-") as name:
        log = Path(name) / "log.ndjson"
        log.write_bytes(b"\n".join(known(events)))
        ours = per_event(_TREE, log, events_count=events)
        theirs = per_event(base.resolve(), log, events_count=events)
    ratio = ours / theirs
    click.echo(f"instructions an event: {ours:,.0f}, base {theirs:,.0f}")
    click.echo(f"ratio {ratio:.3f}, at most {ratio_max}")
    sys.exit(ratio > ratio_max)


if __name__ == "__main__":
    main()
