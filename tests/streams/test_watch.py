import asyncio

from prometheus_client import CollectorRegistry

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.pipeline import Profile, judge
from detectors.register import Register
from detectors.verdict import RaiseAlert, Suspend
from streams.chain import Span
from streams.checkpoint import Done
from streams.judge_agent import Place
from streams.metrics import Metrics
from streams.profiles import ProfileCore
from streams.protocol import Keeper
from streams.recovered import Saved
from streams.rejects import RejectReason, rejected
from streams.watch import MetricsWatcher

PLACE = Place(topic="t", partition=1, offset=5, kafka_time_ms=10_000)


def sampled(name: str, registry: CollectorRegistry, **labels: str) -> float | None:
    """Return the value of one series."""
    return registry.get_sample_value(f"headgate_{name}", labels)


def test_what_happens_is_counted() -> None:
    """Events, refusals, dead letters, suspensions and checkpoints each move their metric."""

    async def scenario() -> CollectorRegistry:
        registry = CollectorRegistry()
        metrics = Metrics(registry, institutions_labelled_max=5)
        watcher = MetricsWatcher(metrics, mode="dry_run", now_ms=lambda: 12_500)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watcher.judged(PLACE, events_count=7)
        watcher.refused(rejected(RejectReason.NOT_JSON, ""), durable)
        watcher.happened(_grab_effects()[0], PLACE, durable)
        watcher.happened(_suspension(), PLACE, durable)
        watcher.saved(Done(seconds=0.2, states_count=3, state_bytes=900, committed=True))
        durable.set_result(None)
        await asyncio.sleep(0)
        return registry

    registry = asyncio.run(scenario())
    assert sampled("events_judged_total", registry) == 7
    assert sampled("event_time_seconds", registry, partition="1") == 10.0
    assert sampled("events_rejected_total", registry, reason="not_json") == 1
    assert sampled("dead_letters_total", registry) == 1
    assert sampled("alert_delay_seconds_sum", registry) == 2.5
    assert sampled("suspensions_total", registry, mode="dry_run") == 1
    assert sampled("checkpoint_time_seconds", registry) == 12.5
    assert sampled("checkpoint_states_total", registry) == 3


def test_the_whole_is_looked_at_after_a_checkpoint() -> None:
    """Lag, institutions and coverage are as the keeper has them."""
    registry = CollectorRegistry()
    watcher = MetricsWatcher(Metrics(registry, institutions_labelled_max=5), mode="dry_run")
    keeper: Keeper[Profile] = Keeper(ProfileCore(CoreConfig(), register=Register()))
    partition = keeper.partition(0)
    partition.store.barrier = Saved(0, b"")
    partition.admit(Span(0, 1))
    profile = partition.profile("thief", 0)
    assert profile is not None
    judge(profile, _grab())
    partition.applied("thief", 0)
    partition.advance(1)
    watcher.looked({0: 4}, keeper)
    assert sampled("lag_records", registry, partition="0") == 3
    assert sampled("institutions_count", registry) == 1
    assert sampled("coverage_ratio", registry, institution="thief") == 0.5


def _grab() -> AccessEvent:
    everybody = Participants(ranges=[(0, 249_999)])
    return AccessEvent(
        id="e", time=10_000, institution="thief", dataset="imaging", participants=everybody
    )


def _grab_effects() -> list[RaiseAlert]:
    profile = ProfileCore(CoreConfig(), register=Register()).open("thief")
    return [effect for effect in judge(profile, _grab()) if isinstance(effect, RaiseAlert)]


def _suspension() -> Suspend:
    return Suspend(
        suspension_id="s", alert_id="a", institution="thief", scope="institution",
        subject="thief", at_ms=0, expires_ms=1, reason_text="",
    )  # fmt: skip
