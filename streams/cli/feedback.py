"""`headgate feedback`: what an alert turned out to be."""

from pathlib import Path

import click
import msgspec

from detectors.errors import HeadgateError
from detectors.feedback import Label
from detectors.instants import parse_rfc3339
from streams.cli import options


@click.command(
    name="feedback",
    epilog="Example: headgate feedback 7f0c9d2b expected --until 2026-07-01 --note 'agreed export'",
)
@click.argument("alert_id")
@click.argument("label", type=click.Choice([label.value for label in Label]))
@click.option("--until", metavar="DATE", help="How long it holds: a day, or a time with an offset.")
@options.note
@options.config
@options.key
def command(
    alert_id: str,
    label: str,
    *,
    until: str | None,
    note: str,
    config_path: Path | None,
    key_path: Path | None,
) -> None:
    """Say what an alert was; the detectors and the ladder take it into account.

    A false positive ends its suspensions and makes its detectors harder to convince; what was
    expected becomes an exemption; what is confirmed weighs more.
    """
    import asyncio

    from detectors.response.entries import Labelled
    from streams.kafka.topics import AUDIT
    from streams.response.journal import read_journal
    from streams.settings.settings import load_settings

    until_ms = None if until is None else _until_ms(until)
    settings = load_settings(config_path)
    topic = AUDIT.full_name(settings.file.kafka.topic_prefix)
    journal = asyncio.run(read_journal(topic, cluster=settings.cluster))
    # As it is printed, an id may be given by its first characters.
    ids = [known for known in journal.state.owners if known.startswith(alert_id)]
    if len(ids) != 1:
        message = f"the audit knows {len(ids)} alerts whose id begins with {alert_id!r}"
        raise HeadgateError(message)
    (alert_id,) = ids
    # Not before: what signs is loaded for nothing where there is nothing to sign.
    from streams.decisions.submit import decide

    verb = Labelled(alert_id=alert_id, label=Label(label), until_ms=until_ms)
    who = decide(settings, verb, key_path=key_path, note=note)
    click.echo(f"sent: {who} says of {alert_id}: {label}")


def _until_ms(text: str) -> int:
    is_a_day = "T" not in text
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if is_a_day else text)
    except msgspec.ValidationError as error:
        problem = f"expected a day, or a time with an offset: {error}"
        raise click.BadParameter(problem, param_hint="--until") from error
