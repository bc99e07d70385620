"""`headgate config`: check a configuration, show it, print its schema, push it to the workers."""

from pathlib import Path

import click
import msgspec

from streams.cli.config_push import push, pushed
from streams.config import ConfigFile, load_settings, shown

_INDENT = 2

_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file; without it the defaults.",
)


@click.group(name="config", epilog="Example: headgate config check --config headgate.toml")
def command() -> None:
    """Check a configuration, show it, print its schema, push it to running workers."""


command.add_command(push)
command.add_command(pushed)


@command.command(epilog="Example: headgate config check --config headgate.toml")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(*, config_path: Path | None, as_json: bool) -> None:
    """Say whether a configuration can be used; exit code 2 with the key's path if not."""
    settings = load_settings(config_path)
    name = str(config_path) if config_path else "the defaults"
    if as_json:
        click.echo(_pretty({"ok": True, "name": name, "adapters": settings.adapters}))
        return
    click.echo(f"{name}: no mistakes found")


@command.command(epilog="Example: headgate config schema > headgate.schema.json")
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors and reviews."""
    click.echo(_pretty(msgspec.json.schema(ConfigFile)))


@command.command(epilog="Example: headgate config show --config headgate.toml")
@_config_option
def show(*, config_path: Path | None) -> None:
    """Print all settings in effect as JSON: file, defaults, environment; secrets are masked."""
    click.echo(_pretty(shown(load_settings(config_path))))


def _pretty(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=_INDENT).decode()
