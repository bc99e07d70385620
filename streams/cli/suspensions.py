"""`headgate suspensions`: what is in force, and the word of people on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from detectors.errors import HeadgateError
from detectors.instants import rfc3339
from streams.cli import options
from streams.console.wording import printable

if TYPE_CHECKING:
    from detectors.response.suspension import Suspension
    from streams.settings.settings import Settings


@click.group(
    cls=options.Subcommands, name="suspensions", epilog="Example: headgate suspensions list"
)
def command() -> None:
    """See what is throttled or suspended; approve it, or release it."""


@command.command(name="list", epilog="Example: headgate suspensions list --config headgate.toml")
@options.config
@click.option(
    "--all", "with_all", is_flag=True, help="Also what is over, and why alerts led to nothing."
)
@options.as_json
def list_(*, config_path: Path | None, with_all: bool, as_json: bool) -> None:
    """Print what is in force, requested or held."""
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)
    for suspension in _current(settings):
        if suspension.open or with_all:
            click.echo(msgspec.json.encode(suspension) if as_json else _line(suspension))
    if with_all:
        _list_withheld(settings, as_json=as_json)


@command.command(epilog="Example: headgate suspensions approve 4f1c --key ann.pem --note agreed")
@click.argument("suspension_id")
@options.config
@options.key
@options.note
def approve(
    *, suspension_id: str, config_path: Path | None, key_path: Path | None, note: str
) -> None:
    """Agree to a requested measure. Institution-wide, two people must."""
    from detectors.response.entries import Approved
    from streams.decisions.submit import decide
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)
    suspension = _open(settings, suspension_id)
    verb = Approved(suspension_id=suspension.suspension_id)
    who = decide(settings, verb, key_path=key_path, note=note)
    asks = suspension.asks
    agreed = suspension.approvals if asks is None else asks.approvals
    approvals = f"{len({*agreed, who})} of {suspension.approvals_needed} needed"
    click.echo(f"sent: {who} approves: {_who(suspension)}; {approvals}")


@command.command(epilog="Example: headgate suspensions release 4f1c --key ann.pem --note mistake")
@click.argument("suspension_id")
@options.config
@options.key
@options.note
def release(
    *, suspension_id: str, config_path: Path | None, key_path: Path | None, note: str
) -> None:
    """End a measure, or refuse a requested one. One person is always enough."""
    from detectors.response.entries import Released
    from streams.decisions.submit import decide
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)
    suspension = _open(settings, suspension_id)
    verb = Released(suspension_id=suspension.suspension_id)
    who = decide(settings, verb, key_path=key_path, note=note)
    click.echo(f"sent: {who} releases: {_who(suspension)}")


@command.command(epilog="Example: headgate suspensions keygen ann --out ann.pem")
@click.argument("name")
@click.option("--out", "path", type=options.NEW_FILE, required=True)
def keygen(*, name: str, path: Path) -> None:
    """Make a key, and print the line that makes it NAME's in the configuration."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from streams.control.keys import private_pem, public_text

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
    import asyncio

    from streams.kafka.log_reader import last_by_key
    from streams.kafka.topics import SUSPENSIONS

    topic = SUSPENSIONS.full_name(settings.file.kafka.topic_prefix)
    records = asyncio.run(last_by_key(topic, cluster=settings.cluster))
    stated = map(_stated, records.values())
    return sorted(filter(None, stated), key=lambda suspension: suspension.requested_ms)


def _list_withheld(settings: Settings, *, as_json: bool) -> None:
    """Print why the last statement of each alert led to nothing, or to nothing stronger."""
    import asyncio

    from detectors.response.entries import Declined
    from streams.kafka.topics import AUDIT
    from streams.report.lines import withheld_line
    from streams.response.alert_outcomes import read_outcomes

    topic = AUDIT.full_name(settings.file.kafka.topic_prefix)
    for outcomes in asyncio.run(read_outcomes(topic, cluster=settings.cluster)).values():
        withheld = outcomes.last_withheld
        if withheld is not None:
            # As it stands on the audit, so that a program tells it from a measure.
            declined = msgspec.json.encode(Declined(withheld=withheld))
            click.echo(declined if as_json else withheld_line(withheld).text)


def _stated(raw: bytes) -> Suspension | None:
    from streams.sinks.suspensions import suspension_of

    try:
        return suspension_of(raw)
    except msgspec.DecodeError:
        # Whoever else writes there must not hide from people what is in force.
        return None


def _open(settings: Settings, suspension_id: str) -> Suspension:
    """Return the one open suspension whose id begins so."""
    matches = [
        suspension
        for suspension in _current(settings)
        if suspension.open and suspension.suspension_id.startswith(suspension_id)
    ]
    if len(matches) != 1:
        message = f"{len(matches)} open suspensions have an id that begins with {suspension_id!r}"
        raise HeadgateError(message)
    return matches[0]


def _line(suspension: Suspension) -> str:
    from streams.report.lines import state_word

    expires_ms = suspension.expires_ms
    until = "until released" if expires_ms is None else f"until {rfc3339(expires_ms)}"
    asks = f" (asks to {suspension.asks.measure})" if suspension.asks else ""
    meant = "dry run " if suspension.dry_run else ""
    reason = f"by {suspension.by}: {suspension.why}"
    begin = f"{suspension.suspension_id[:12]}  {state_word(suspension):<9}"
    return printable(f"{begin}  {meant}{_who(suspension)}{asks}, {until}, {reason}")


def _who(suspension: Suspension) -> str:
    from streams.report.lines import measure_word

    of = "" if suspension.scope == "institution" else f" of {suspension.institution}"
    return printable(f"{measure_word(suspension)} {suspension.scope} {suspension.subject}{of}")
