"""The command line: one module per command, all of them in one table."""

import sys

import click

from detectors.errors import ConfigError, HeadgateError
from streams.cli import (
    audit,
    broker,
    config,
    demo,
    doctor,
    explain,
    feedback,
    hook,
    register,
    replay,
    simulate,
    suspensions,
    worker,
)

COMMANDS: dict[str, click.Command] = {
    "audit": audit.command,
    "broker": broker.command,
    "config": config.command,
    "demo": demo.command,
    "doctor": doctor.command,
    "explain": explain.command,
    "feedback": feedback.command,
    "hook": hook.command,
    "register": register.command,
    "replay": replay.command,
    "simulate": simulate.command,
    "suspensions": suspensions.command,
    "worker": worker.command,
}


@click.group(
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="headgate")
def headgate() -> None:
    """Watch what leaves a research-data platform, and say who takes too much."""


def main() -> None:
    """Run the command line: exit 2 for wrong usage or configuration, 1 for a failure."""
    try:
        headgate()
    except ConfigError as error:
        click.echo(f"headgate: configuration: {error}", err=True)
        sys.exit(2)
    except HeadgateError as error:
        click.echo(f"headgate: {error}", err=True)
        sys.exit(1)
