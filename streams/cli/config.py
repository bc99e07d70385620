"""`headgate config`: check a configuration, show it, print its schema, push it to the workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from detectors.instants import parse_rfc3339
from streams.cli import options
from streams.console.wording import moment

if TYPE_CHECKING:
    from detectors.config_schedule import Changed
    from streams.decisions.config_push import Held

_INDENT = 2
_SHOWN_LENGTH_MAX = 60


@click.group(
    cls=options.Subcommands,
    name="config",
    epilog="Example: headgate config check --config headgate.toml",
)
def command() -> None:
    """Check a configuration, show it, print its schema, push it to running workers."""


@command.command(epilog="Example: headgate config check --config headgate.toml")
@options.config
@options.as_json
def check(*, config_path: Path | None, as_json: bool) -> None:
    """Say whether a configuration can be used; exit code 2 with the key's path if not.

    Values that can be used and are rarely meant are warned of, and the exit code is 0.
    """
    from streams.settings.odd_values import odd_values
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)
    name = str(config_path) if config_path else "the defaults"
    warnings = list(odd_values(settings.file))
    if as_json:
        document = {"ok": True, "name": name, "adapters": settings.adapters, "warnings": warnings}
        click.echo(_pretty(document))
        return
    for odd in warnings:
        click.echo(f"warning: {odd.path}: {odd.warning}; {odd.advice}")
    click.echo(f"{name}: no mistakes found")


@command.command(epilog="Example: headgate config schema > headgate.schema.json")
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors and reviews."""
    from streams.settings.settings import ConfigFile

    click.echo(_pretty(msgspec.json.schema(ConfigFile)))


@command.command(epilog="Example: headgate config show --config headgate.toml")
@options.config
def show(*, config_path: Path | None) -> None:
    """Print all settings in effect as JSON: file, defaults, environment; secrets are masked."""
    from streams.settings.settings import load_settings, shown

    click.echo(_pretty(shown(load_settings(config_path))))


@command.command(
    epilog="Example: headgate config push headgate.toml --from 2026-03-01T00:00:00Z --key ann.pem",
)
@click.argument("path", metavar="FILE", type=options.EXISTING_FILE)
@click.option(
    "--from",
    "from_text",
    metavar="TIME",
    help="Event time from which it holds: RFC 3339 with an offset; absent: now.",
)
@options.key
@options.note
@click.option(
    "--config",
    "config_path",
    type=options.EXISTING_FILE,
    help="The configuration that says where Kafka is; absent: FILE itself.",
)
def push(
    *,
    path: Path,
    from_text: str | None,
    key_path: Path | None,
    note: str,
    config_path: Path | None,
) -> None:
    """Let the detectors' configuration in a file hold from an event time on, without a restart.

    It is a signed decision. Each judge comes under it at its own first event of that time or
    later, and a replay of the topic at the same one. It replaces what was to hold later.
    """
    import asyncio

    from streams.clock import wall_ms
    from streams.decisions.config_push import changes, held, is_news, read_at_a_start, to_push
    from streams.decisions.submit import decide
    from streams.settings.settings import load_settings

    now_ms = wall_ms()
    from_ms = now_ms if from_text is None else _from_ms(from_text)
    settings = load_settings(path)
    where = settings if config_path is None else load_settings(config_path)
    now = asyncio.run(held(where))
    differing = changes(settings.core, now)
    aside = read_at_a_start(settings, None if config_path is None else where)
    if is_news(settings.core, now, from_ms=from_ms):
        verb = to_push(settings.core, now, from_ms=from_ms, now_ms=now_ms)
        who = decide(where, verb, key_path=key_path, note=note)
        for change in differing:
            click.echo(_line(change))
        click.echo(f"sent: {who} pushes {verb.config_hash}, which holds from {moment(from_ms)} on")
    else:
        click.echo("nothing changes: it holds already, and nothing was pushed")
    if aside:
        click.echo(f"read only at a start, and never pushed: {', '.join(aside)}")


@command.command(epilog="Example: headgate config pushed --config headgate.toml")
@options.config
@options.as_json
def pushed(*, config_path: Path | None, as_json: bool) -> None:
    """List what was pushed, in the order in which it holds: from when, by whom, and why."""
    import asyncio

    from streams.decisions.config_push import held
    from streams.settings.settings import load_settings

    now = asyncio.run(held(load_settings(config_path)))
    if as_json:
        for push in now.pushes:
            click.echo(msgspec.json.encode(push))
        return
    for line in _listed(now):
        click.echo(line)


def _listed(now: Held) -> list[str]:
    # Where more was pushed than is remembered, the first one holds from the beginning.
    first = [f"{now.base_hash}  the workers' file"] if now.base_hash else []
    return first + [
        f"{push.config_hash}  from {moment(push.from_ms)}, pushed by {push.who} "
        f"at {moment(push.pushed_ms)}{f': {push.note}' if push.note else ''}"
        for push in now.pushes
    ]


def _from_ms(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--from") from error


def _line(change: Changed) -> str:
    """Return one change as people read it."""
    before, after = (
        str(msgspec.json.encode(value), "utf-8") for value in (change.before, change.after)
    )
    return f"{change.path}: {before[:_SHOWN_LENGTH_MAX]} -> {after[:_SHOWN_LENGTH_MAX]}"


def _pretty(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=_INDENT).decode()
