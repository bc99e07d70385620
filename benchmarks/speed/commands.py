"""What the commands of operators cost in processor time, beside those of another checkout.

    python -m benchmarks.speed.commands --before DIRECTORY

Both are run in turn by the same interpreter, each command in a process of its own. Those that
read topics are run against a port at which nothing listens: what they load is measured, not Kafka.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).parents[2]
RUNS_COUNT: Final = 7
NOT_A_BROKER: Final = "127.0.0.1:1"
# `{config}` stands for a configuration with a mapping, `{register}` for a register file, `{audit}`
# for an exported audit.
LIGHT_COMMANDS: Final = (
    "--help",
    "config --help",
    "config check",
    "config check --config {config}",
    "config show",
    "config pushed",
    "suspensions --help",
    "suspensions list",
    "register --help",
    "register check {register}",
    "register show north",
    "feedback --help",
    "feedback a-17 confirmed",
    "audit --help",
    "audit verify --file {audit}",
    "audit export",
)
_PROGRAM: Final = "from streams.cli import main; main()"


def arguments_of(command: str, folder: Path) -> list[str]:
    """Return the words of a command, with the files that it names made in `folder`."""
    register, audit = folder / "register.json", folder / "audit.jsonl"
    register.write_text('{"institutions": []}')
    audit.touch()
    config = ROOT / "docs" / "examples" / "edgar.toml"
    return [word.format(config=config, register=register, audit=audit) for word in command.split()]


def processor_seconds(root: Path, arguments: Sequence[str]) -> float:
    """Return what one run of a checkout's command line takes, user and system together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "HEADGATE_KAFKA_BOOTSTRAP": NOT_A_BROKER},
        capture_output=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@click.command()
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="A checkout to compare with.",
)
@click.option("--runs", default=RUNS_COUNT, show_default=True, type=click.IntRange(1))
def main(before: Path, runs: int) -> None:
    """Print the median of both and their ratio, a line for each command."""
    print(f"{'command':<30}{'before s':>10}{'now s':>10}{'ratio':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for command in LIGHT_COMMANDS:
            arguments = arguments_of(command, Path(folder))
            pairs = [
                (processor_seconds(before, arguments), processor_seconds(ROOT, arguments))
                for _ in range(runs)
            ]
            then, now = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"{command:<30}{then:>10.3f}{now:>10.3f}{now / then:>10.2f}")


if __name__ == "__main__":
    main()
