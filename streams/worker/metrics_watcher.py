"""Step 7 of 7: what the judges do -> metrics. Only numbers leave; who did what stays in topics."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from detectors.config import CoreConfig, config_hash, modes_of
from detectors.features.distinct_ids import DistinctIds
from detectors.instants import DAY_MS, SECOND_MS
from detectors.pipeline import Profile
from detectors.policy.evaluate import group_of
from detectors.policy.runs import participants_needed
from detectors.registry import DETECTORS
from detectors.verdict import Effect, RaiseAlert
from streams.clock import wall_ms
from streams.ingest.rejects import Rejected, RejectReason
from streams.kafka.producer import Durable
from streams.kafka.records import RecordPosition
from streams.metrics.institution_gauges import institution_status
from streams.metrics.registry import REPEATED, SAVED, Metrics
from streams.state.checkpoint import Done
from streams.state.partition_state import RESIDENT_MAX
from streams.state.protocol import StateStore
from streams.worker.batch_run import Counts

# Of the saved institutions of which no event has come since the start, for one look.
_LOADED_AT_ONCE_COUNT: Final = 50
# Some 30 ms; judges wait for it.
_IDS_AT_ONCE_COUNT: Final = 10_000


class MetricsWatcher:
    """Counts into the metrics of this worker."""

    __slots__ = ("_ids", "_judges_apart", "_metrics", "_now_ms", "_received_seconds", "_rejected")

    def __init__(
        self,
        metrics: Metrics,
        *,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """Keep what is counted into."""
        self._metrics = metrics
        self._now_ms = now_ms
        self._ids: DistinctIds | None = None
        # By partition.
        self._judges_apart: dict[int, int] = {}
        self._received_seconds: dict[int, float] = {}
        # Looked up once: a producer of rubbish slows nobody down by it.
        self._rejected = {
            reason: (
                metrics.rejects.labels(reason=reason.value),
                metrics.dead_letters.labels(reason=reason.value),
            )
            for reason in RejectReason
        }
        # One that begins has nothing unsaved.
        metrics.checkpoint_time.set(now_ms() / SECOND_MS)

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Count the events of a batch, and note when Kafka received its last one."""
        self._metrics.events.inc(counts.judged)
        self._metrics.late.inc(counts.late)
        for repair, count in counts.repairs.items():
            self._metrics.repairs.labels(reason=repair).inc(count)
        self._metrics.strays.inc(counts.strays)
        self._judges_apart[position.partition] = counts.judges_apart
        self._metrics.unresolved.inc(counts.unresolved)
        self._metrics.dropped.labels(reason=REPEATED).inc(counts.repeated)
        self._metrics.dropped.labels(reason=SAVED).inc(counts.saved)
        self._metrics.config_changes.inc(counts.configs_accepted)
        self._metrics.config_refused.inc(counts.configs_refused)
        if counts.config is not None:
            show_config(self._metrics, counts.config)
        self._received_seconds[position.partition] = position.kafka_time_ms / SECOND_MS

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Count a rejected record, and its dead letter once the broker has it."""
        rejects, letters = self._rejected[reject.reason]
        rejects.inc()
        durable.add_done_callback(lambda _: letters.inc())

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Count an effect, and how long it took from the event to the broker."""
        if isinstance(effect, RaiseAlert):
            self._metrics.alerted(effect.alert)
            durable.add_done_callback(lambda _: self._observe_delay(position))

    def rings(self, speaks: bool | None, ring_days: int) -> None:  # noqa: FBT001 - what is shown.
        """Show whether rings are told, by the worker that judges them."""
        self._metrics.set_rings(speaks=speaks, ring_days=ring_days)

    def saved(self, done: Done | None) -> None:
        """Count a checkpoint; None where all that was judged is saved already."""
        if done is None or done.committed:
            self._metrics.checkpoint_time.set(self._now_ms() / SECOND_MS)
        if done is not None:
            self._metrics.checkpoint_duration.observe(done.seconds)
            self._metrics.checkpoint_bytes.inc(done.state_bytes)
            self._metrics.checkpoint_states.inc(done.states_count)

    def looked(self, ends: Mapping[int, int], state_store: StateStore[Profile, Durable]) -> None:
        """Show lag, institutions and detectors as they are; in a rebalance, as they were."""
        if not state_store.settled:
            return
        for partition in state_store.partitions.values():
            if partition.resident_count < RESIDENT_MAX // len(state_store.partitions) // 2:
                partition.load_idle(_LOADED_AT_ONCE_COUNT)
        profiles = [
            profile
            for partition in state_store.partitions.values()
            for _, profile in partition.profiles()
        ]
        self._follow(ends, state_store)
        self._count_ids(profiles)
        idle = {
            name
            for partition in state_store.partitions.values()
            for name in islice(partition.idle(), RESIDENT_MAX)
        }
        self._metrics.set_institutions(map(institution_status, profiles), names=idle)
        now_ms = max((profile.state.frontier_ms for profile in profiles), default=0)
        today = now_ms // DAY_MS
        self._metrics.set_detectors(
            name for profile in profiles for name in _strange_detectors(profile, today=today)
        )
        self._metrics.set_needed(_needed(profiles))
        institutions_count = sum(
            partition.institutions_count for partition in state_store.partitions.values()
        )
        self._metrics.set_totals(institutions_count=institutions_count, at_ms=now_ms)

    def _count_ids(self, profiles: Sequence[Profile]) -> None:
        """Show how many more ids there are than people, where ids are not positions."""
        cohort = profiles[0].config.cohort if profiles else None
        if cohort is None or cohort.are_positions or cohort.has_spaces:
            return
        size = cohort.size
        if self._ids is None:
            self._ids = DistinctIds(cohort_size=size)
        ledgers = (profile.ledger.state for profile in profiles)
        count = self._ids.count_on(ledgers, ids_max=_IDS_AT_ONCE_COUNT)
        self._metrics.ids_excess.set(max(0, count - size))

    def _follow(self, ends: Mapping[int, int], state_store: StateStore[Profile, Durable]) -> None:
        lags = {
            number: max(0, ends[number] - partition.position)
            for number, partition in state_store.partitions.items()
            if partition.position is not None and number in ends
        }
        apart = self._judges_apart
        self._metrics.judges_apart.set(sum(apart[p] for p in apart.keys() & ends.keys()))
        received = self._received_seconds
        self._metrics.set_lag(lags, {number: received[number] for number in lags.keys() & received})

    def _observe_delay(self, position: RecordPosition) -> None:
        delay_seconds = (self._now_ms() - position.kafka_time_ms) / SECOND_MS
        self._metrics.alert_delay.observe(max(0.0, delay_seconds))


def show_config(metrics: Metrics, config: CoreConfig) -> None:
    """Show that this configuration is in effect."""
    metrics.configured(
        config_hash=config_hash(config),
        budget=config.budget.false_alert_days_per_week_per_100_institutions,
        modes=modes_of(config),
    )


def _needed(profiles: Iterable[Profile]) -> dict[str, int]:
    """Return how many people an alert needs, by peer group, by the newest reference of each."""
    newest: dict[str, Profile] = {}
    for profile in profiles:
        group = group_of(profile)
        known = newest.get(group)
        if known is None or profile.reference.day > known.reference.day:
            newest[group] = profile
    return {group: participants_needed(profile) for group, profile in newest.items()}


def _strange_detectors(profile: Profile, *, today: int) -> set[str]:
    """Return the detectors of the channels that were strange today."""
    if profile.state.today.day != today:
        return set()
    channels = {channel.partition("/")[0] for channel in profile.state.today.runs}
    return channels & DETECTORS.keys()
