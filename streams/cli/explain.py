"""`headgate explain`: one alert again, from its events, with its reasons in numbers."""

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from detectors.config import config_hash
from streams.cli import options
from streams.console.progress import steps
from streams.console.wording import printable
from streams.kafka.topics import ACCESS_EVENTS, ALERTS, AUDIT, HOLDINGS
from streams.replay.explain import (
    NotExplainedError,
    RecordedFindings,
    explain,
    is_of_a_ring,
    recorded_in_file,
    recorded_in_topic,
    refuse_other_config,
)
from streams.replay.explained import explanation_lines
from streams.replay.inputs import TOPIC_PREFIX, Rejects
from streams.replay.reading import reading_of
from streams.replay.replay_run import ReplayRun
from streams.replay.response import Outcomes
from streams.response.alert_outcomes import AlertOutcomes, read_outcomes
from streams.settings.register_file import load_register
from streams.settings.settings import Settings, load_settings
from streams.sinks.alert_reader import read_finding


@click.command(
    name="explain",
    epilog="Example: headgate explain 7f0c9d2b --input events.jsonl.gz --alerts alerts.ndjson",
)
@click.argument("alert_id", metavar="ALERT_ID")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    help="Events, as for replay; may be given often. Absent: the topics of the worker.",
)
@click.option(
    "--alerts",
    "alerts_path",
    type=options.EXISTING_FILE,
    help="What was said then (one finding a line); absent: the topic, or with --input nothing.",
)
@options.config
@options.register
@click.option(
    "--revision",
    type=click.IntRange(min=1),
    help="Which statement to explain; absent: the last one that names reasons.",
)
@options.as_json
def command(  # noqa: PLR0913 - one parameter an option
    alert_id: str,
    *,
    inputs: tuple[str, ...],
    alerts_path: Path | None,
    config_path: Path | None,
    register_path: Path | None,
    revision: int | None,
    as_json: bool,
) -> None:
    """Rebuild an alert from its events and say what it rests on.

    The events are judged again from the first one, under the configuration and the register of
    then; another configuration is refused. Exit code 1 if the alert does not come out, or not as
    it is on record.
    """
    _refuse_standard_input(inputs)
    settings = load_settings(config_path)
    recorded = _recorded(settings, alert_id, alerts_path, from_topic=not inputs)
    alert_id = _whole(alert_id, recorded)
    names = inputs or (_topic(settings, recorded),)
    if not any(name.startswith(TOPIC_PREFIX) for name in names):
        # A topic may have another one on record; of files it is known before they are read.
        refuse_other_config(recorded, config_hashes=[config_hash(settings.core)])
    run = ReplayRun(
        settings.core,
        register=load_register(register_path),
        reading=reading_of(settings),
        rejects=Rejects(None),
    )
    with steps("explain", total=len(names)) as progress:
        explanation = explain(
            run,
            names,
            alert_id=alert_id,
            recorded=recorded,
            progress=progress,
            revision=revision,
        )
    if not inputs:
        # What a worker did is on record, and rests on more than this alert.
        outcomes = _outcomes(settings, alert_id)
        explanation = msgspec.structs.replace(explanation, outcomes=outcomes)
    if as_json:
        click.echo(msgspec.json.encode(explanation))
    else:
        click.echo("\n".join(map(printable, explanation_lines(explanation))))
    if explanation.record == "different":
        sys.exit(1)


def _refuse_standard_input(inputs: tuple[str, ...]) -> None:
    if "-" in inputs:
        message = "--input - can be read once only, and an explanation reads twice"
        raise click.UsageError(message)


def _whole(alert_id: str, recorded: RecordedFindings) -> str:
    """Return the id on record: it may be given by its first characters, as it is printed."""
    return next((read_finding(raw).alert_id for raw in recorded.values()), alert_id)


def _recorded(
    settings: Settings, alert_id: str, path: Path | None, *, from_topic: bool
) -> RecordedFindings:
    if path is None and not from_topic:
        return {}
    kafka = settings.file.kafka
    topic = ALERTS.full_name(kafka.topic_prefix)
    recorded = (
        recorded_in_topic(topic, cluster=settings.cluster, alert_id=alert_id)
        if path is None
        else recorded_in_file(path, alert_id=alert_id)
    )
    if not recorded:
        message = f"no alert {alert_id} in {path or topic}"
        raise NotExplainedError(message)
    return recorded


def _outcomes(settings: Settings, alert_id: str) -> Outcomes:
    """Return what followed from an alert, as it is on the audit."""
    topic = AUDIT.full_name(settings.file.kafka.topic_prefix)
    by_alert = asyncio.run(read_outcomes(topic, cluster=settings.cluster))
    followed = by_alert.get(alert_id, AlertOutcomes())
    return Outcomes(measures=tuple(followed.measures), withheld=tuple(followed.withheld))


def _topic(settings: Settings, recorded: RecordedFindings) -> str:
    """Return where the alert came from: a ring is found in what all institutions hold."""
    topic = HOLDINGS if is_of_a_ring(recorded) else ACCESS_EVENTS
    return f"{TOPIC_PREFIX}{topic.full_name(settings.file.kafka.topic_prefix)}"
