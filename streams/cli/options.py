"""What several commands ask for, each in one way and in the same words."""

from pathlib import Path
from typing import Final

import click

from streams.settings.variables import DECISION_KEY_VARIABLE

EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE: Final = click.Path(dir_okay=False, writable=True, path_type=Path)

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
