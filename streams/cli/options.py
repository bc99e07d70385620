"""What several commands ask for, each in one way and in the same words."""

from pathlib import Path
from typing import Final

import click

from streams.settings.variables import DECISION_KEY_VARIABLE

EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE: Final = click.Path(dir_okay=False, writable=True, path_type=Path)

# Characters: longer than any first sentence of a help.
_SENTENCE_MAX: Final = 300

# A file that cannot be read is a mistake of the configuration, told by its reader.
config = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration (TOML); without it, its defaults.",
)
register = click.option(
    "--register",
    "register_path",
    type=EXISTING_FILE,
    help="The register of projects, caps and exemptions (TOML or JSON).",
)
key = click.option(
    "--key",
    "key_path",
    type=EXISTING_FILE,
    envvar=DECISION_KEY_VARIABLE,
    help="Your private key (PEM).",
)
note = click.option("--note", default="", help="Why, for the record.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
verbose = click.option("--verbose", is_flag=True, help="Log what the Kafka client does, too.")


class Subcommands(click.Group):
    """Commands of one subject; each is told by the whole first sentence of its help."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table; the usual one cuts a sentence that is longer than a line."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=_SENTENCE_MAX))
                    for name, command in sorted(self.commands.items())
                ]
            )
