"""The commands of the program, run in the test's own process."""

from pathlib import Path

from click.testing import CliRunner, Result

from streams.cli import headgate


def ran(*arguments: str | Path) -> Result:
    """Run a command."""
    return CliRunner().invoke(headgate, [str(argument) for argument in arguments])


def printed(*arguments: str | Path) -> str:
    """Return what a command prints; it must succeed."""
    result = ran(*arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.stdout
