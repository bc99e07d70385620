"""`headgate audit`: prove the record whole, take it elsewhere, have a person forgotten."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from detectors.errors import HeadgateError
from streams.cli import options

if TYPE_CHECKING:
    from streams.decisions.audit_check import Anchor


@click.group(cls=options.Subcommands, name="audit", epilog="Example: headgate audit verify")
def command() -> None:
    """Prove the record of the response whole, export it, have a person forgotten."""


@command.command(epilog="Example: headgate audit verify --anchor 1041:9f86d081884c7d65")
@options.config
@click.option(
    "--file", "path", type=options.EXISTING_FILE, help="An exported audit, not the topic."
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="LINE:HASH",
    help="As an earlier verify printed it: finds also what was rewritten or cut off as a whole.",
)
@options.as_json
def verify(
    *, config_path: Path | None, path: Path | None, anchors: tuple[str, ...], as_json: bool
) -> None:
    """Find what was changed, is missing or stands elsewhere; exit code 1 if anything does.

    Every line is held against the one before, every signature against the keys of its time, and
    every action against what the lines before it lead to.
    """
    from streams.decisions.audit_check import check_audit

    anchored = [_anchor(text) for text in anchors]
    lines = _file_lines(path) if path else _topic_lines(config_path)
    checked = check_audit(lines, anchored)
    if as_json:
        click.echo(msgspec.json.encode(checked))
    else:
        for problem in checked.problems:
            click.echo(f"line {problem.line}: {problem.problem}")
        state = "NOT whole" if checked.problems else "whole"
        click.echo(f"{checked.entries_count} lines, {state}")
        click.echo(f"anchor: {checked.entries_count - 1}:{checked.head}")
    sys.exit(1 if checked.problems else 0)


@command.command(epilog="Example: headgate audit export > audit.jsonl")
@options.config
def export(*, config_path: Path | None) -> None:
    """Print the record, one line each, byte for byte as it is chained."""
    for line in _topic_lines(config_path):
        click.echo(line)


@command.command(epilog="Example: headgate audit erase inst-007 u-17 --key ann.pem")
@click.argument("institution")
@click.argument("user")
@options.config
@options.key
@options.note
def erase(
    *, institution: str, user: str, config_path: Path | None, key_path: Path | None, note: str
) -> None:
    """Have it forgotten whose pseudonym the audit's tokens stand for; the chain stays whole.

    Not while the user is suspended: nobody could release them any more.
    """
    import asyncio

    from detectors.response.entries import Erased
    from streams.decisions.submit import decide
    from streams.kafka.log_reader import last_by_key
    from streams.kafka.topics import PEOPLE
    from streams.response.people import people_of
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)
    topic = PEOPLE.full_name(settings.file.kafka.topic_prefix)
    people = people_of(asyncio.run(last_by_key(topic, cluster=settings.cluster)))
    meant = [
        person for person in people if (person.institution, person.user) == (institution, user)
    ]
    if not meant:
        message = f"the audit has no token for {user} of {institution}"
        raise HeadgateError(message)
    for person in meant:
        who = decide(settings, Erased(token=person.token), key_path=key_path, note=note)
        click.echo(f"sent: {who} erases {person.token}")


def _anchor(text: str) -> Anchor:
    from streams.decisions.audit_check import Anchor

    line, _, line_hash = text.partition(":")
    if not line.isdecimal() or not line_hash:
        message = f"expected LINE:HASH, got {text!r}"
        raise click.BadParameter(message, param_hint="--anchor")
    return Anchor(line=int(line), hash=line_hash)


def _file_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def _topic_lines(config_path: Path | None) -> list[bytes]:
    import asyncio

    from streams.kafka.log_reader import committed_records
    from streams.kafka.topics import AUDIT
    from streams.settings.settings import load_settings

    settings = load_settings(config_path)

    async def read() -> list[bytes]:
        topic = AUDIT.full_name(settings.file.kafka.topic_prefix)
        records = committed_records(topic, cluster=settings.cluster)
        return [record.value or b"" async for record in records]

    return asyncio.run(read())
