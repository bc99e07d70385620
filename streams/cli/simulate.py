"""`headgate simulate`: the events of a seeded world, with the thefts asked for among them."""

import asyncio
import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from detectors.event import AccessEvent
from detectors.synthetic import SCENARIOS, World, WorldConfig, build_world
from streams.cli import options
from streams.console.progress import Progress, steps
from streams.ingest.codec import encode
from streams.kafka.event_producer import send_all
from streams.kafka.topics import ACCESS_EVENTS
from streams.settings.settings import load_settings

HONEST: Final = "honest"
_KAFKA: Final = "kafka"
_STANDARD_OUTPUT: Final = "-"
_CHUNK_EVENTS: Final = 2_000


def _list_scenarios(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    if not value or context.resilient_parsing:
        return
    click.echo(f"{HONEST:<26}nobody steals")
    for scenario in SCENARIOS:
        days = f"{scenario.days} day" + ("s" if scenario.days > 1 else "")
        click.echo(f"{scenario.id:<26}at most {days}; reasons: {', '.join(scenario.reasons)}")
    context.exit()


@click.command(
    name="simulate",
    epilog="Example: headgate simulate smash_and_grab_v1 --days 60 --to events.jsonl.gz",
)
@click.argument(
    "scenarios",
    nargs=-1,
    required=True,
    metavar="SCENARIO...",
    type=click.Choice([HONEST, *(scenario.id for scenario in SCENARIOS)]),
)
@click.option("--to", default=_STANDARD_OUTPUT, metavar="FILE|kafka", help="Default: standard out.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same events.")
@click.option("--institutions", default=40, show_default=True, type=click.IntRange(2, 5_000))
@click.option("--days", default=70, show_default=True, type=click.IntRange(7, 1_000))
@click.option(
    "--register",
    "register_path",
    type=options.NEW_FILE,
    help="Write what the access committee has on record to this file (JSON).",
)
@click.option(
    "--labels",
    "labels_path",
    type=options.NEW_FILE,
    help="Write what really happened to this file (JSON).",
)
@options.config
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_scenarios,
    help="Print the scenarios and end.",
)
def command(  # noqa: PLR0913 - one parameter an option
    scenarios: tuple[str, ...],
    *,
    to: str,
    seed: int,
    institutions: int,
    days: int,
    register_path: Path | None,
    labels_path: Path | None,
    config_path: Path | None,
) -> None:
    """Write the events of a seeded world.

    The institutions, their habits and their excuses are drawn from stated ranges; the thefts are
    planted on top. Several scenarios may be named, `--list` tells which; `honest` plants none.
    """
    world = build_world(
        WorldConfig(seed=seed, institutions=institutions, days=days),
        thefts=tuple(scenario for scenario in scenarios if scenario != HONEST),
    )
    for path, value in ((register_path, world.register), (labels_path, world.labels)):
        if path is not None:
            path.write_bytes(msgspec.json.encode(value) + b"\n")
    with steps("simulate", total=len(world.table)) as progress:
        if to == _KAFKA:
            settings = load_settings(config_path)
            topic = ACCESS_EVENTS.full_name(settings.file.kafka.topic_prefix)
            events = _reported(world, progress)
            asyncio.run(send_all(events, cluster=settings.cluster, topic=topic))
        else:
            _write(_reported(world, progress), to=to)
    _tell(world)


def _reported(world: World, progress: Progress) -> Iterator[AccessEvent]:
    for count, event in enumerate(world.events(), start=1):
        yield event
        if count % _CHUNK_EVENTS == 0:
            progress.reach(events_count=count, done=count)


def _write(events: Iterable[AccessEvent], *, to: str) -> None:
    with _opened(to) as file:
        for event in events:
            file.write(encode(event))
            file.write(b"\n")


@contextmanager
def _opened(to: str) -> Iterator[BinaryIO]:
    if to == _STANDARD_OUTPUT:
        yield click.get_binary_stream("stdout")
        return
    with Path(to).open("wb") as file:
        if not to.endswith(".gz"):
            yield file
            return
        # No time stamp and no name inside: the same world gives the same file.
        with gzip.GzipFile(
            filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6
        ) as packed:
            yield packed  # type: ignore[misc]


def _tell(world: World) -> None:
    """Say on standard error what was planted, so that nobody mistakes it for an honest world."""
    events = f"{len(world.table):,} events of {len(world.plans):,} institutions"
    click.echo(f"{events} over {world.config.days} days.", err=True)
    for theft in world.labels.thefts:
        share = f"{100 * theft.haul_ratio:.0f} % of the cohort"
        click.echo(
            f"planted: {theft.scenario} by {', '.join(theft.institutions)}: {share}", err=True
        )
