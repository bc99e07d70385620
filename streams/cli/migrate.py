"""`headgate migrate`: the access events under another topic prefix, to be judged anew there."""

from pathlib import Path

import click
import msgspec

from detectors.errors import ConfigError
from streams.cli import options
from streams.console.progress import steps
from streams.kafka.admin import ensure_topics
from streams.kafka.topics import ACCESS_EVENTS
from streams.maintenance.migration import Copied, migrate
from streams.settings.settings import load_settings


@click.command(name="migrate", epilog="Example: headgate migrate headgate --config new.toml")
@click.argument("prefix")
@options.config
@options.as_json
def command(*, prefix: str, config_path: Path | None, as_json: bool) -> None:
    """Copy the access events of PREFIX to the prefix of a new configuration, by key.

    So the number of partitions can change: workers under the new configuration judge everything
    anew, and raise alerts again under the ids that they had. The producers must have stopped.
    The old topics stay as they are. Run it again after it broke off, and it goes on; a topic that
    holds anything else is refused. At the end every event is compared.
    """
    settings = load_settings(config_path)
    kafka = settings.file.kafka
    if kafka.topic_prefix == prefix:
        key = "kafka.topic_prefix"
        raise ConfigError(key, f"expected another than {prefix}, from which is copied")
    ensure_topics(
        settings.cluster,
        prefix=kafka.topic_prefix,
        partitions=kafka.partitions,
        adapters=settings.adapters,
        replication_factor=kafka.replication_factor,
    )
    done = migrate(
        settings.cluster,
        source=ACCESS_EVENTS.full_name(prefix),
        target=ACCESS_EVENTS.full_name(kafka.topic_prefix),
        shown=lambda step, total: steps(step, total=total),
    )
    click.echo(msgspec.json.encode(done) if as_json else _line(done))


def _line(done: Copied) -> str:
    return (
        f"{done.source} ({done.source_partitions} partitions) -> {done.target} "
        f"({done.target_partitions}): {done.copied_count:,} events copied, "
        f"{done.events_count - done.copied_count:,} were there, {done.left_behind_count:,} control "
        f"records left behind; all {done.events_count:,} compared"
    )
