"""`headgate audit`: prove the record whole, take it elsewhere, have a person forgotten."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from detectors.errors import HeadgateError
from detectors.response.journal import Configured, DecisionMade, Entry, Erased, digest
from detectors.response.verify import Problem, Verified, Verifier
from streams.control.signature import signature_problem
from streams.decisions.submit import KEY_VARIABLE, decide
from streams.kafka.log_reader import committed_records, last_by_key
from streams.kafka.topics import AUDIT, PEOPLE
from streams.recorder.people import people_of
from streams.settings.settings import Settings, load_settings

_existing = click.Path(exists=True, dir_okay=False, path_type=Path)
_config = click.option("--config", "config_path", type=_existing, help="The configuration.")


class _Anchor(Struct, frozen=True, kw_only=True):
    """A line's hash that was kept elsewhere."""

    line: int
    hash: str


@click.group(name="audit", epilog="Example: headgate audit verify")
def command() -> None:
    """Prove the record of the response whole, export it, have a person forgotten."""


@command.command(epilog="Example: headgate audit verify --anchor 1041:9f86d081884c7d65")
@_config
@click.option("--file", "path", type=_existing, help="An exported audit; absent: the topic.")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="LINE:HASH",
    help="As an earlier verify printed it: finds also what was rewritten or cut off as a whole.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    *, config_path: Path | None, path: Path | None, anchors: tuple[str, ...], as_json: bool
) -> None:
    """Find what was changed, is missing or stands elsewhere; exit code 1 if anything does.

    Every line is held against the one before, every signature against the keys of its time, and
    every action against what the lines before it lead to.
    """
    wanted = [_anchor(text) for text in anchors]
    lines = _file_lines(path) if path else iter(_topic_lines(load_settings(config_path)))
    found = _verified(lines, wanted)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for problem in found.problems:
            click.echo(f"line {problem.line}: {problem.problem}")
        state = "NOT whole" if found.problems else "whole"
        click.echo(f"{found.entries_count} lines, {state}")
        click.echo(f"anchor: {found.entries_count - 1}:{found.head}")
    sys.exit(1 if found.problems else 0)


@command.command(epilog="Example: headgate audit export > audit.jsonl")
@_config
def export(*, config_path: Path | None) -> None:
    """Print the record, one line each, byte for byte as it is chained."""
    for line in _topic_lines(load_settings(config_path)):
        click.echo(line)


@command.command(epilog="Example: headgate audit erase inst-007 u-17 --key ann.pem")
@click.argument("institution")
@click.argument("user")
@_config
@click.option(
    "--key", "key_path", type=_existing, envvar=KEY_VARIABLE, help="Your private key (PEM)."
)
@click.option("--note", default="", help="Why, for the record.")
def erase(
    *, institution: str, user: str, config_path: Path | None, key_path: Path | None, note: str
) -> None:
    """Have it forgotten whose pseudonym the audit's tokens stand for; the chain stays whole.

    Not while the user is suspended: nobody could release them any more.
    """
    settings = load_settings(config_path)
    topic = PEOPLE.full_name(settings.file.kafka.topic_prefix)
    people = people_of(asyncio.run(last_by_key(topic, cluster=settings.cluster)))
    wanted = [one for one in people if (one.institution, one.user) == (institution, user)]
    if not wanted:
        message = f"the audit has no token for {user} of {institution}"
        raise HeadgateError(message)
    for person in wanted:
        who = decide(settings, Erased(token=person.token), key_path=key_path, note=note)
        click.echo(f"{who} erases {person.token}")


def _verified(lines: Iterator[bytes], anchors: list[_Anchor]) -> Verified:
    verifier = Verifier()
    problems: list[Problem] = []
    keys: dict[str, str] = {}
    hashes = {anchor.line: anchor.hash for anchor in anchors}
    for number, line in enumerate(lines):
        found = verifier.take(line)
        problems += found
        wanted = hashes.pop(number, None)
        if wanted is not None and not digest(line).startswith(wanted):
            problems.append(Problem(line=number, problem="not the line that was anchored"))
        if not found:
            problems += _unsigned(number, line, keys)
    problems += verifier.finish()
    problems += [Problem(line=number, problem="anchored, but missing") for number in hashes]
    return Verified(
        entries_count=verifier.entries_count, head=verifier.head, problems=tuple(problems)
    )


def _unsigned(number: int, line: bytes, keys: dict[str, str]) -> list[Problem]:
    """Note the keys that hold from this line on, or return what is wrong with its signature."""
    entry = msgspec.json.decode(line, type=Entry)
    body = entry.body
    if isinstance(body, Configured):
        keys.clear()
        keys.update(body.response.keys)
    if not isinstance(body, DecisionMade):
        return []
    topic = entry.source.topic if entry.source else ""
    problem = signature_problem(body, topic=topic, keys=keys)
    return [] if problem is None else [Problem(line=number, problem=problem)]


def _anchor(text: str) -> _Anchor:
    line, _, kept = text.partition(":")
    if not line.isdecimal() or not kept:
        message = f"expected LINE:HASH, got {text!r}"
        raise click.BadParameter(message, param_hint="--anchor")
    return _Anchor(line=int(line), hash=kept)


def _file_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def _topic_lines(settings: Settings) -> list[bytes]:
    async def read() -> list[bytes]:
        topic = AUDIT.full_name(settings.file.kafka.topic_prefix)
        found = committed_records(topic, cluster=settings.cluster)
        return [record.value or b"" async for record in found]

    return asyncio.run(read())
