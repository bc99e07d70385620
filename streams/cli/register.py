"""`headgate register`: check a register, push it to the judges, show what holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from detectors.errors import HeadgateError
from detectors.response.decoding import decode_json
from streams.cli import options

if TYPE_CHECKING:
    from streams.settings.settings import Settings

_encode = msgspec.json.Encoder(order="sorted").encode
_file = click.argument("path", metavar="FILE", type=options.EXISTING_FILE)


@click.group(
    cls=options.Subcommands, name="register", epilog="Example: headgate register push register.toml"
)
def command() -> None:
    """Check a register of projects, caps and exemptions, push it, show what holds."""


@command.command(epilog="Example: headgate register check register.toml")
@_file
def check(*, path: Path) -> None:
    """Say whether a register can be used; exit code 2 with the key's path if not."""
    from streams.settings.register_file import load_register

    register = load_register(path)
    click.echo(f"{path}: {len(register.institutions)} institutions, no mistakes found")


@command.command(epilog="Example: headgate register push register.toml --key ann.pem")
@_file
@options.config
@options.key
@options.note
def push(*, path: Path, config_path: Path | None, key_path: Path | None, note: str) -> None:
    """Let the entries of a file hold from now on; only those that differ are sent.

    Entries that the file does not name stay. Each is a signed decision. Each judge adopts its own
    at the event that comes next in its partition, and a replay of the topic at the same one.
    """
    from detectors.register import Registered
    from streams.decisions.submit import decide
    from streams.settings.register_file import load_register
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)
    register = load_register(path)
    known = _known(settings)
    changed = [
        entry for entry in register.institutions if known.get(entry.id.encode()) != _encode(entry)
    ]
    verbs = [Registered(institution=entry.id, entry=entry) for entry in changed]
    if verbs:
        who = decide(settings, *verbs, key_path=key_path, note=note)
        for entry in changed:
            click.echo(f"sent: {who} registers {entry.id}")
    click.echo(f"{len(register.institutions) - len(changed)} unchanged")


@command.command(epilog="Example: headgate register show inst-007")
@click.argument("institution")
@options.config
def show(*, institution: str, config_path: Path | None) -> None:
    """Print what holds for an institution, as JSON; exit code 1 if nothing was pushed for it."""
    from detectors.register import Institution
    from streams.settings.settings import load_settings

    raw = _known(load_settings(config_path)).get(institution.encode())
    if raw is None:
        message = f"nothing was pushed for {institution}"
        raise HeadgateError(message)
    entry = decode_json(raw, kind=Institution)
    click.echo(msgspec.json.format(msgspec.json.encode(entry), indent=2).decode())


def _known(settings: Settings) -> dict[bytes, bytes]:
    import asyncio

    from streams.kafka.log_reader import last_by_key
    from streams.kafka.topics import REGISTER

    topic = REGISTER.full_name(settings.file.kafka.topic_prefix)
    return asyncio.run(last_by_key(topic, cluster=settings.cluster))
