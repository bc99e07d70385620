import asyncio

import msgspec
from prometheus_client import CollectorRegistry

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig, config_hash, modes_of
from detectors.event import AccessEvent, Participants
from detectors.models.excess import ExcessConfig
from detectors.pipeline import Profile, judge
from detectors.register import Institution, Register
from detectors.verdict import RaiseAlert
from streams.ingest.adapters.values import participant_hash
from streams.ingest.rejects import RejectReason, rejected
from streams.kafka.producer import Durable
from streams.kafka.records import FetchSpan, RecordPosition
from streams.metrics.registry import Metrics
from streams.state.checkpoint import Done
from streams.state.keys import main_key, part_key
from streams.state.profile_core import ProfileCore
from streams.state.protocol import StateStore
from streams.state.store import SavedRecord
from streams.worker.batch_run import Counts
from streams.worker.metrics_watcher import MetricsWatcher, show_config
from tests.builders import event
from tests.waiting import others_run

REGISTER = Register(institutions=(Institution(id="thief", jurisdiction="gb"),))
PLACE = RecordPosition(topic="t", partition=1, offset=5, kafka_time_ms=10_000)


def sampled(name: str, registry: CollectorRegistry, **labels: str) -> float | None:
    """Return the value of one series."""
    return registry.get_sample_value(f"headgate_{name}", labels)


def test_what_happens_is_counted() -> None:
    """Events, refusals, dead letters and checkpoints each move their metric."""

    async def scenario() -> CollectorRegistry:
        registry = CollectorRegistry()
        metrics = Metrics(registry, institutions_labelled_max=5)
        watcher = MetricsWatcher(metrics, now_ms=lambda: 12_500)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watcher.judged(PLACE, Counts(judged=7, late=2, unresolved=1, repeated=3, saved=4))
        watcher.rejected(rejected(RejectReason.NOT_JSON, ""), durable)
        watcher.happened(_grab_effects()[0], PLACE, durable)
        watcher.saved(Done(seconds=0.2, states_count=3, state_bytes=900, committed=True))
        durable.set_result(None)
        await others_run()
        return registry

    registry = asyncio.run(scenario())
    assert sampled("events_judged_total", registry) == 7
    assert sampled("events_late_total", registry) == 2
    assert sampled("events_unresolved_total", registry) == 1
    assert sampled("events_dropped_total", registry, reason="repeated_id") == 3
    assert sampled("events_dropped_total", registry, reason="already_saved") == 4
    assert sampled("events_rejected_total", registry, reason="not_json") == 1
    assert sampled("dead_letters_total", registry, reason="not_json") == 1
    assert sampled("alert_delay_seconds_sum", registry) == 2.5
    assert sampled("checkpoint_time_seconds", registry) == 12.5
    assert sampled("checkpoint_states_total", registry) == 3


def test_who_looks_for_rings_shows_whether_they_are_told() -> None:
    """In one state of two; and who no longer looks for them shows neither."""
    registry = CollectorRegistry()
    watcher = MetricsWatcher(Metrics(registry, institutions_labelled_max=5))
    shown = []
    for speaks, ring_days in ((False, 9), (True, 8), (None, 0)):
        watcher.rings(speaks, ring_days)
        states = [
            sampled("ring_judges_count", registry, state=each) for each in ("speaks", "shadow")
        ]
        shown.append((*states, sampled("ring_days_count", registry)))
    assert shown == [(0, 1, 9), (1, 0, 8), (0, 0, 0)]


def test_a_pushed_configuration_is_shown_in_place_of_the_files() -> None:
    """Its hash, its budget and its modes; what was told and what was refused are counted."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, institutions_labelled_max=5)
    watcher = MetricsWatcher(metrics)
    file = CoreConfig()
    show_config(metrics, file)
    budget = BudgetConfig(false_alert_days_per_week_per_100_institutions=2.0)
    detectors = DetectorsConfig(excess=ExcessConfig(mode="off"))
    pushed = CoreConfig(budget=budget, detectors=detectors)
    watcher.judged(PLACE, Counts(configs_accepted=1, configs_refused=2))
    assert sampled("config_info", registry, hash=config_hash(file)) == 1
    watcher.judged(PLACE, Counts(config=pushed))
    assert sampled("config_info", registry, hash=config_hash(file)) is None
    assert sampled("config_info", registry, hash=config_hash(pushed)) == 1
    assert sampled("alert_days_budget", registry) == 2.0
    labels = {"detector": "excess", "mode": "off"}
    assert sampled("detector_institutions_count", registry, **labels) == 0
    assert sampled("config_changes_total", registry) == 1
    assert sampled("config_refused_total", registry) == 2


def test_the_whole_is_looked_at_after_a_checkpoint() -> None:
    """Lag, institutions and coverage are as the state_store has them."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, institutions_labelled_max=5)
    metrics.configured(config_hash="c", budget=5.0, modes=modes_of(CoreConfig()))
    watcher = MetricsWatcher(metrics)
    state_store: StateStore[Profile, Durable] = StateStore(
        ProfileCore(CoreConfig(), register=REGISTER)
    )
    state_store.settled = True
    partition = state_store.partition(0)
    partition.store.partition_record = SavedRecord(0, b"")
    partition.new_from(FetchSpan(0, 1))
    profile = partition.profile("thief", 0)
    assert profile is not None
    judge(profile, _grab())
    partition.applied("thief", 0)
    partition.advance(1)
    watcher.judged(msgspec.structs.replace(PLACE, partition=0), Counts(judged=1))
    watcher.looked({0: 4}, state_store)
    assert sampled("lag_records", registry, partition="0") == 3
    assert sampled("institutions_count", registry) == 1
    assert sampled("event_time_seconds", registry, partition="0") == 10.0
    who = {"institution": "thief", "jurisdiction": "gb"}
    assert sampled("coverage_ratio", registry, dataset="imaging", **who) == 0.5
    assert sampled("incident_severity", registry, **who) == 4
    # Half of the cohort was taken on this one day.
    assert sampled("limit_distance_seconds", registry, **who) == 86_400
    assert sampled("detector_institutions_count", registry, detector="excess", mode="on") == 1


def test_a_saved_institution_is_shown_before_its_next_event() -> None:
    """After a restart the silent ones hold what they held; never before all is read back."""
    registry = CollectorRegistry()
    watcher = MetricsWatcher(Metrics(registry, institutions_labelled_max=5))
    core = ProfileCore(CoreConfig(), register=REGISTER)
    profile = core.open("thief")
    judge(profile, _grab())
    dumped = core.dump(profile, known=frozenset())
    state_store: StateStore[Profile, Durable] = StateStore(core)
    store = state_store.partition(0).store
    store.apply(main_key("thief"), SavedRecord(3, dumped.main))
    for name, payload in dumped.new_parts.items():
        store.apply(part_key("thief", name), SavedRecord(3, payload))
    who = {"institution": "thief", "jurisdiction": "gb", "dataset": "imaging"}
    watcher.looked({}, state_store)
    assert sampled("coverage_ratio", registry, **who) is None
    state_store.settled = True
    watcher.looked({}, state_store)
    assert sampled("coverage_ratio", registry, **who) == 0.5
    state_store.drop()
    watcher.looked({}, state_store)
    assert sampled("coverage_ratio", registry, **who) == 0.5


def test_a_worker_with_nothing_to_save_is_not_behind() -> None:
    """The age of the last checkpoint stays small while no events come."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, institutions_labelled_max=5)
    clock = iter((1_000, 2_000, 3_000))
    watcher = MetricsWatcher(metrics, now_ms=lambda: next(clock))
    assert sampled("checkpoint_time_seconds", registry) == 1.0
    watcher.saved(None)
    assert sampled("checkpoint_time_seconds", registry) == 2.0
    watcher.saved(Done(seconds=0.2, states_count=3, state_bytes=900, committed=False))
    assert sampled("checkpoint_time_seconds", registry) == 2.0
    assert sampled("checkpoint_duration_seconds_count", registry) == 1


def _grab() -> AccessEvent:
    everybody = Participants(ranges=[(0, 249_999)])
    return AccessEvent(
        id="e", time=10_000, institution="thief", dataset="imaging", participants=everybody
    )


def _grab_effects() -> list[RaiseAlert]:
    profile = ProfileCore(CoreConfig(), register=Register()).open("thief")
    return [effect for effect in judge(profile, _grab()) if isinstance(effect, RaiseAlert)]


def test_ids_beyond_the_cohort_and_events_that_name_nobody_are_shown() -> None:
    """The first say that the configuration is wrong, the second who cannot be judged by people."""
    registry = CollectorRegistry()
    watcher = MetricsWatcher(Metrics(registry, institutions_labelled_max=5))
    cohort = CohortConfig(size=100, participant_ids="hashed")
    core = ProfileCore(CoreConfig(cohort=cohort), register=REGISTER)
    state_store: StateStore[Profile, Durable] = StateStore(core)
    state_store.settled = True
    partition = state_store.partition(0)
    partition.store.partition_record = SavedRecord(0, b"")
    partition.new_from(FetchSpan(0, 1))
    for name in ("north", "thief"):
        profile = partition.profile(name, 0)
        assert profile is not None
        hashes = [participant_hash(f"{name}-{number}") for number in range(90)]
        judge(profile, event(id=name, institution=name, participants=Participants(ids=hashes)))
        judge(profile, event(id=f"{name}-2", institution=name, files=1, bytes=7))
        for size in (0, 500):
            judge(profile, event(id=str(size), institution=name, outcome="error", bytes=size))
    watcher.looked({}, state_store)
    assert sampled("cohort_ids_excess_count", registry) == 80
    who = {"institution": "thief", "jurisdiction": "gb"}
    assert sampled("unnamed_events_count", registry, **who) == 1
    assert sampled("errors_with_bytes_ratio", registry, **who) == 0.5
