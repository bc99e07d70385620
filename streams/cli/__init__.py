"""The command line: one module per command, all of them in one table."""

import sys
from importlib import import_module
from typing import Final, NoReturn

import click

from detectors.errors import ConfigError, HeadgateError, InputError
from streams.console import LOG_HANDLER_NAME

# By name, with the first sentence of its help: one that is not asked for is not imported.
COMMANDS: Final[dict[str, str]] = {
    "audit": "Prove the record of the response whole, export it, have a person forgotten.",
    "broker": "Run one node of Apache Kafka on this machine until Ctrl-C.",
    "config": "Check a configuration, show it, print its schema, push it to running workers.",
    "demo": "Play all of Headgate on this machine.",
    "doctor": "Check Python, packages, configuration, broker, topics, lag, clock and disk.",
    "explain": "Rebuild an alert from its events and say what it rests on.",
    "feedback": "Say what an alert was; the detectors and the ladder take it into account.",
    "hook": "Deliver suspensions to the platform's webhook, each until it is acknowledged.",
    "migrate": "Copy the access events of PREFIX to the prefix of a new configuration, by key.",
    "register": "Check a register of projects, caps and exemptions, push it, show what holds.",
    "replay": "Judge recorded events and print the alerts.",
    "simulate": "Write the events of a seeded world.",
    "suspensions": "See what is throttled or suspended; approve it, or release it.",
    "worker": "Judge access events from Kafka and raise alerts, until SIGTERM or Ctrl-C.",
}


class _Commands(click.Group):
    """Imports a command once it is asked for; most of them bring half of the program along."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"streams.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="headgate")
def headgate() -> None:
    """Watch what leaves a research-data platform, and say who takes too much."""


def main() -> None:
    """Run the command line: exit 2 for wrong usage or configuration, 1 for a failure."""
    import logging

    # Where no logs were set up, a client's own words would stand beside the one sentence of ours.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        headgate()
    except ConfigError as error:
        _fail(f"configuration: {error}", code=2)
    except InputError as error:
        _fail(str(error), code=2)
    except HeadgateError as error:
        _fail(str(error), code=1)


def _fail(sentence: str, *, code: int) -> NoReturn:
    """Say why and end; where logs were set up, as a line of them, which a machine may read."""
    import logging

    if any(handler.name == LOG_HANDLER_NAME for handler in logging.getLogger().handlers):
        logging.getLogger("headgate").critical(
            "The command failed.", extra={"detail": sentence, "exit_code": code}
        )
    else:
        click.echo(f"headgate: {sentence}", err=True)
    sys.exit(code)
