"""Step 7 of 7: what the judges do -> metrics. Only numbers leave; who did what stays in topics."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

from detectors.pipeline import Profile
from detectors.verdict import Effect, RaiseAlert, Suspend
from streams.checkpoint import Done
from streams.clock import wall_ms
from streams.judge_agent import Place
from streams.metrics import Metrics
from streams.outbox import Durable
from streams.protocol import Keeper
from streams.rejects import Rejected

_MS: Final = 1_000


class MetricsWatcher:
    """Counts into the metrics of this worker."""

    __slots__ = ("_metrics", "_mode", "_now_ms")

    def __init__(
        self,
        metrics: Metrics,
        *,
        mode: Literal["dry_run", "on"],
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """Keep what is counted into."""
        self._metrics = metrics
        self._mode = mode
        self._now_ms = now_ms

    def judged(self, place: Place, *, events_count: int) -> None:
        """Count the events of a batch, and when Kafka received its last one."""
        self._metrics.events.inc(events_count)
        partition = str(place.partition)
        self._metrics.event_time.labels(partition=partition).set(place.kafka_time_ms / _MS)

    def refused(self, refused: Rejected, durable: Durable) -> None:
        """Count a refusal, and its dead letter once the broker has it."""
        self._metrics.rejects.labels(reason=refused.reason.value).inc()
        durable.add_done_callback(lambda _: self._metrics.dead_letters.inc())

    def happened(self, effect: Effect, place: Place, durable: Durable) -> None:
        """Count an effect, and how long it took from the event to the broker."""
        if isinstance(effect, Suspend):
            self._metrics.suspended(effect, mode=self._mode)
        elif isinstance(effect, RaiseAlert):
            self._metrics.alerted(effect.alert)
            durable.add_done_callback(lambda _: self._observe_delay(place))

    def saved(self, done: Done) -> None:
        """Count a checkpoint."""
        self._metrics.checkpoint_duration.observe(done.seconds)
        self._metrics.checkpoint_bytes.inc(done.state_bytes)
        self._metrics.checkpoint_states.inc(done.states_count)
        if done.committed:
            self._metrics.checkpoint_time.set(self._now_ms() / _MS)

    def looked(self, ends: Mapping[int, int], keeper: Keeper[Profile]) -> None:
        """Note lag, coverage and how many are judged, as they stand."""
        frontier_ms = 0
        institutions_count = 0
        for number, partition in keeper.partitions.items():
            if partition.position is not None and number in ends:
                lag = max(0, ends[number] - partition.position)
                self._metrics.lag.labels(partition=str(number)).set(lag)
            institutions_count += partition.institutions_count
            for institution, profile in partition.profiles():
                frontier_ms = max(frontier_ms, profile.state.frontier_ms)
                self._metrics.covered(institution, ratio=_coverage(profile))
        self._metrics.watched(institutions_count=institutions_count, at_ms=frontier_ms)

    def _observe_delay(self, place: Place) -> None:
        delay_seconds = (self._now_ms() - place.kafka_time_ms) / _MS
        self._metrics.alert_delay.observe(max(0.0, delay_seconds))


def _coverage(profile: Profile) -> float:
    holdings = profile.ledger.state.holdings.values()
    held = max((holding.held_participants for holding in holdings), default=0)
    return min(1.0, held / profile.config.cohort.size)
