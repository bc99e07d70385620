"""`headgate suspensions`: what is in force, and the word of people on it."""

import asyncio
import os
from pathlib import Path

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.errors import HeadgateError
from detectors.instants import rfc3339
from detectors.response.journal import Approved, Released
from detectors.response.suspension import Suspension
from streams.control.keys import private_pem, public_text
from streams.decisions.submit import KEY_VARIABLE, decide
from streams.kafka.log_reader import last_by_key
from streams.kafka.topics import SUSPENSIONS
from streams.settings.settings import Settings, load_settings
from streams.sinks.suspensions import suspension_of

_existing = click.Path(exists=True, dir_okay=False, path_type=Path)
_config = click.option("--config", "config_path", type=_existing, help="The configuration.")
_key = click.option(
    "--key", "key_path", type=_existing, envvar=KEY_VARIABLE, help="Your private key (PEM)."
)
_note = click.option("--note", default="", help="Why, for the record.")


@click.group(name="suspensions", epilog="Example: headgate suspensions list")
def command() -> None:
    """See what is throttled or suspended; approve it, or release it."""


@command.command(name="list", epilog="Example: headgate suspensions list --config headgate.toml")
@_config
@click.option("--all", "with_released", is_flag=True, help="Also what is over.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(*, config_path: Path | None, with_released: bool, as_json: bool) -> None:
    """Print what is in force, requested or held."""
    found = _current(load_settings(config_path))
    for one in found:
        if one.open or with_released:
            click.echo(msgspec.json.encode(one).decode() if as_json else _line(one))


@command.command(epilog="Example: headgate suspensions approve 4f1c --key ann.pem --note agreed")
@click.argument("suspension_id")
@_config
@_key
@_note
def approve(
    *, suspension_id: str, config_path: Path | None, key_path: Path | None, note: str
) -> None:
    """Agree to a requested measure. Institution-wide, two people must."""
    settings = load_settings(config_path)
    one = _open(settings, suspension_id)
    verb = Approved(suspension_id=one.suspension_id)
    who = decide(settings, verb, key_path=key_path, note=note)
    given = len({*one.approvals, who})
    click.echo(f"{who} approves: {_who(one)}; {given} of {one.approvals_needed} needed")


@command.command(epilog="Example: headgate suspensions release 4f1c --key ann.pem --note mistake")
@click.argument("suspension_id")
@_config
@_key
@_note
def release(
    *, suspension_id: str, config_path: Path | None, key_path: Path | None, note: str
) -> None:
    """End a measure, or refuse a requested one. One person is always enough."""
    settings = load_settings(config_path)
    one = _open(settings, suspension_id)
    verb = Released(suspension_id=one.suspension_id)
    who = decide(settings, verb, key_path=key_path, note=note)
    click.echo(f"{who} releases: {_who(one)}")


@command.command(epilog="Example: headgate suspensions keygen ann --out ann.pem")
@click.argument("name")
@click.option("--out", "path", type=click.Path(dir_okay=False, path_type=Path), required=True)
def keygen(*, name: str, path: Path) -> None:
    """Make a key, and print the line that makes it NAME's in the configuration."""
    key = Ed25519PrivateKey.generate()
    try:
        # Never over an old one, and never for other users of this machine.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        message = f"{path} exists: a key is never overwritten"
        raise HeadgateError(message) from error
    with os.fdopen(handle, "wb") as file:
        file.write(private_pem(key))
    click.echo(f'[response.keys]\n{name} = "{public_text(key)}"')


def _current(settings: Settings) -> list[Suspension]:
    topic = SUSPENSIONS.full_name(settings.file.kafka.topic_prefix)
    found = asyncio.run(last_by_key(topic, cluster=settings.cluster))
    stated = [one for raw in found.values() if (one := _stated(raw)) is not None]
    return sorted(stated, key=lambda one: one.requested_ms)


def _stated(raw: bytes) -> Suspension | None:
    try:
        return suspension_of(raw)
    except msgspec.DecodeError:
        # Whoever else writes there must not hide from people what is in force.
        return None


def _open(settings: Settings, suspension_id: str) -> Suspension:
    """Return the one open suspension whose id begins so."""
    found = [
        one
        for one in _current(settings)
        if one.open and one.suspension_id.startswith(suspension_id)
    ]
    if len(found) != 1:
        message = f"{len(found)} open suspensions have an id that begins with {suspension_id!r}"
        raise HeadgateError(message)
    return found[0]


def _line(one: Suspension) -> str:
    state = "held" if one.held else one.state
    until = "until released" if one.expires_ms is None else f"until {rfc3339(one.expires_ms)}"
    asks = f" (asks to {one.asks})" if one.asks else ""
    meant = "dry run " if one.dry_run else ""
    said = f"by {one.by}: {one.why}"
    return f"{one.suspension_id[:12]}  {state:<9}  {meant}{_who(one)}{asks}, {until}, {said}"


def _who(one: Suspension) -> str:
    whom = one.subject if one.scope == "institution" else f"{one.subject} of {one.institution}"
    return f"{one.measure} {one.scope} {whom}"
