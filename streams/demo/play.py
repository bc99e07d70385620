"""The demo from curtain to curtain: broker, worker, world, screen; then nothing is left behind."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from detectors.errors import HeadgateError
from streams.clock import monotonic_seconds
from streams.demo.child import Child, ChildError
from streams.demo.feed import Feed
from streams.demo.listener import Listener
from streams.demo.scrape import Numbers, scrape
from streams.demo.screen import InstitutionRow, Screen, View
from streams.demo.script import DemoConfig, Script
from streams.kafka.admin import ensure_topics
from streams.kafka.event_producer import EventProducer
from streams.kafka.topics import ACCESS_EVENTS
from streams.local_broker.broker import LocalBroker
from streams.local_broker.ports import ADDRESS, free_ports
from streams.settings.settings import Settings, load_settings

_WATCH_SECONDS: Final = 0.25
_READY_SECONDS_MAX: Final = 40.0
# Alerts are on the broker before the event counts as judged; this is for the way back to us.
_LAST_WORDS_SECONDS: Final = 1.5
_CONFIG: Final = """\
[kafka]
bootstrap = "{bootstrap}"
partitions = {partitions}

[metrics]
port = {metrics_port}

[checkpoint]
interval_seconds = 2.0

# An operator who suspends as soon as an alert concerns a twentieth of the cohort.
[response]
suspend_confidence = 0.5
suspend_risk = 0.045
blast_radius_institutions = 42

[response.modes]
throttle = "off"

# Nobody conspires in this world, and the replay at the end reads the events' topic alone.
[detectors.collusion]
mode = "off"
"""


class Stage(Struct, frozen=True, kw_only=True):
    """What has been set up for the play."""

    settings: Settings
    config_path: Path
    register_path: Path
    log_path: Path
    metrics_address: str


class Played(Struct, frozen=True, kw_only=True):
    """What came of it."""

    alerts: dict[str, bytes]
    suspended: dict[str, str]
    judged_count: int
    rejected_count: int


@contextmanager
def set_up(config: DemoConfig, script: Script, *, screen: Screen) -> Iterator[Stage]:
    """Start a broker with its topics and write the worker's files; all of it goes at the end."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-demo-")))
        screen.say("starting Apache Kafka on this machine ...", style="dim")
        broker = stack.enter_context(LocalBroker())
        (metrics_port,) = free_ports(1)
        config_path, register_path = home / "demo.toml", home / "register.json"
        config_path.write_text(
            _CONFIG.format(
                bootstrap=broker.bootstrap,
                partitions=config.partitions,
                metrics_port=metrics_port,
            )
        )
        register_path.write_bytes(msgspec.json.encode(script.world.register))
        settings = load_settings(config_path, environment={})
        prefix = settings.file.kafka.topic_prefix
        ensure_topics(settings.cluster, prefix=prefix, partitions=config.partitions)
        screen.say(f"Kafka answers at {broker.bootstrap}", style="dim")
        yield Stage(
            settings=settings,
            config_path=config_path,
            register_path=register_path,
            log_path=home / "worker.log",
            metrics_address=f"http://{ADDRESS}:{metrics_port}/metrics",
        )


def play(stage: Stage, script: Script, *, live_seconds: float, screen: Screen) -> Played:
    """Run a worker, play the world to it, and show what happens."""
    arguments = ["worker", "--config", str(stage.config_path)]
    arguments += ["--register", str(stage.register_path)]
    with Child(arguments, log_path=stage.log_path) as worker:
        performance = _Performance(stage, script, live_seconds=live_seconds, screen=screen)
        try:
            played = asyncio.run(performance.run(worker))
        except* HeadgateError as group:
            # One thing failed and took the others with it; that one is the sentence to tell.
            raise group.exceptions[0] from None
        screen.say("the worker saves its state and leaves ...", style="dim")
    return played


class _Performance:
    """Everything that goes on at once while the world is played."""

    __slots__ = ("_feed", "_listener", "_numbers", "_rate", "_screen", "_script", "_stage")

    def __init__(
        self, stage: Stage, script: Script, *, live_seconds: float, screen: Screen
    ) -> None:
        self._stage = stage
        self._script = script
        self._screen = screen
        self._feed = Feed(
            script, live_seconds=live_seconds, reference=stage.settings.core.reference
        )
        self._listener = Listener(
            stage.settings.file.kafka.topic_prefix,
            say=lambda line: screen.say(line.text, style=line.style),
            live_from_ms=script.live_from_ms,
        )
        self._numbers = Numbers(judged_count=0, rejected_count=0, lag_records=0, coverage={})
        self._rate = 0.0

    async def run(self, worker: Child) -> Played:
        """Wait for the worker, then send, listen and watch until everything has been said.

        Raises:
            ChildError: the worker has ended by itself.
        """
        await self._ready(worker)
        self._screen.say(f"a worker is ready; Prometheus: {self._stage.metrics_address}")
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(
                self._listener.run(self._stage.settings.cluster), name="listen"
            )
            watching = tasks.create_task(self._watch(worker), name="watch")
            await self._send()
            await asyncio.sleep(_LAST_WORDS_SECONDS)
            listening.cancel()
            watching.cancel()
        return Played(
            alerts=self._listener.alerts,
            suspended=self._listener.suspended,
            judged_count=self._numbers.judged_count,
            rejected_count=self._numbers.rejected_count,
        )

    async def _ready(self, worker: Child) -> None:
        deadline = monotonic_seconds() + _READY_SECONDS_MAX
        while await scrape(self._stage.metrics_address) is None:
            worker.check()
            if monotonic_seconds() > deadline:
                message = f"the worker is not ready after {_READY_SECONDS_MAX:.0f} s"
                raise ChildError(message)
            await asyncio.sleep(_WATCH_SECONDS)

    async def _send(self) -> None:
        settings = self._stage.settings
        topic = ACCESS_EVENTS.full_name(settings.file.kafka.topic_prefix)
        async with EventProducer(settings.cluster, topic=topic) as producer:
            await self._feed.run(
                producer,
                judged_count=lambda: self._numbers.judged_count,
                reference_day=lambda: self._listener.reference_day,
            )

    async def _watch(self, worker: Child) -> None:
        """Look at the metrics and show them, again and again."""
        looked_seconds = monotonic_seconds()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            worker.check()
            numbers = await scrape(self._stage.metrics_address)
            if numbers is None:
                continue
            now_seconds = monotonic_seconds()
            judged_count = numbers.judged_count - self._numbers.judged_count
            rate = judged_count / max(now_seconds - looked_seconds, 1e-9)
            # Smoothed a little: batches make single looks jump.
            self._rate += 0.4 * (rate - self._rate)
            self._numbers, looked_seconds = numbers, now_seconds
            self._screen.show(self._view())

    def _view(self) -> View:
        feed, numbers = self._feed, self._numbers
        return View(
            phase=feed.phase,
            done_ratio=feed.sent_count / max(1, self._script.events_count),
            event_ms=feed.event_ms,
            sent_count=feed.sent_count,
            judged_count=numbers.judged_count,
            events_per_second=self._rate,
            lag_events=max(0, feed.sent_count - numbers.judged_count),
            alerts_count=len(self._listener.severities),
            rows=tuple(
                InstitutionRow(
                    institution=institution,
                    coverage_ratio=ratio,
                    severity=self._listener.severities.get(institution),
                )
                for institution, ratio in numbers.coverage.items()
            ),
            metrics_address=self._stage.metrics_address,
        )
