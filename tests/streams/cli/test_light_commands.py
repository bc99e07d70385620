"""What operators run by hand answers at once: it loads nothing that judges."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed.commands import LIGHT_COMMANDS, NOT_A_BROKER, arguments_of

# Engines, statistics, and the libraries of commands that run for long.
HEAVY = {
    "faust",
    "kafka",
    "mode",
    "numpy",
    "prometheus_client",
    "rich",
    "river",
    "scipy",
    "structlog",
}
READS_KAFKA = {"aiokafka", "asyncio"}
PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from streams.cli import main
main()
"""


def loaded(command: str, folder: Path) -> set[str]:
    """Run a command as people do, and return the packages that it has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments_of(command, folder)],
        env=os.environ | {"HEADGATE_KAFKA_BOOTSTRAP": NOT_A_BROKER},
        capture_output=True,
        text=True,
        check=False,
    )
    names = done.stderr.splitlines()[-1].split()
    assert "streams.cli" in names, done.stderr
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_a_command_that_judges_nothing_loads_nothing_that_judges(
    command: str, tmp_path: Path
) -> None:
    """Nor what serves metrics or draws progress; also where it ends because Kafka is away."""
    assert loaded(command, tmp_path) & HEAVY == set()


@pytest.mark.parametrize(
    "command", [command for command in LIGHT_COMMANDS if command.endswith(("--help", "check"))]
)
def test_help_does_not_even_load_the_client_of_kafka(command: str, tmp_path: Path) -> None:
    """Nobody who asks what a command does, or whether a file is right, waits for it."""
    assert loaded(command, tmp_path) & READS_KAFKA == set()


def test_what_judges_is_seen_to_be_loaded(tmp_path: Path) -> None:
    """A list of modules that never shows one would prove nothing."""
    assert loaded("worker --help", tmp_path) >= {"aiokafka", "faust", "kafka"}
