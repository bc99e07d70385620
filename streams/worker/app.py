"""The worker, wired from top to bottom: topics, agents, sinks, metrics. No logic."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Final, Protocol

from msgspec import Struct

from detectors.config import config_hash
from detectors.pipeline import Profile
from detectors.register import Register
from detectors.response.journal import Configured
from detectors.response.push import sendable
from streams.faust_driver.app import GroupConfig, HeadgateApp, faust_app
from streams.faust_driver.group import FaustGroup
from streams.kafka.config import KafkaConfig
from streams.kafka.last_record import last_record
from streams.kafka.producer import Outbox
from streams.kafka.topic_history import records_before
from streams.kafka.topics import (
    ACCESS_EVENTS,
    DECISIONS,
    HOLDINGS,
    REFERENCE,
    STATE,
    SUMMARIES,
    raw_topic,
)
from streams.recorder.agent import RecorderAgent
from streams.recorder.recorder import Recorder, RecorderWatcher
from streams.recorder.recorder import Wires as RecorderWires
from streams.settings.settings import Settings
from streams.state.checkpoint import Checkpointer, Done
from streams.state.envelope import StateKeys, keys_from_text
from streams.state.lease import Lease
from streams.state.profiles import ProfileCore
from streams.state.protocol import Keeper
from streams.state.records import StateTopic
from streams.worker.collusion_agent import CollusionAgent, judge_opener
from streams.worker.judge_agent import JudgeAgent
from streams.worker.lifecycle import Steward, stop_for
from streams.worker.ports import Sinks, Watcher
from streams.worker.reference_agent import ReferenceAgent
from streams.worker.rekey_agent import RekeyAgent
from streams.worker.watchdog import Places, Reading, Vigil, judged_places, topic_ends
from streams.worker.wiring import Follower, add_agent, add_signals, add_state_table, judging

RECOVERY_SECONDS_MAX: Final = 300.0


def group_name(topic_prefix: str) -> str:
    """Return the consumer group of the workers, which is also what states are signed for."""
    return f"{topic_prefix}-worker"


class WorkerWatcher(Watcher, Protocol):
    """Who counts what the judges do, and looks at the whole after each checkpoint."""

    def saved(self, done: Done | None) -> None:
        """Count a checkpoint; None where all that was judged is saved already."""

    def looked(self, ends: Mapping[int, int], keeper: Keeper[Profile]) -> None:
        """Note how all stands; `ends` are the input's ends by partition, as last seen."""


class Worker(Struct, frozen=True, kw_only=True):
    """A Faust app with what it judges, ready to run."""

    app: HeadgateApp
    keeper: Keeper[Profile]
    outbox: Outbox


class _Wires(Struct, frozen=True, kw_only=True):
    """What every part of the worker is connected to."""

    settings: Settings
    sinks: Sinks
    watcher: WorkerWatcher
    app: HeadgateApp
    outbox: Outbox

    @property
    def prefix(self) -> str:
        """How every topic's name begins."""
        return self.settings.kafka.topic_prefix

    @property
    def keys(self) -> StateKeys:
        """What signs states and control records."""
        return keys_from_text(self.settings.state_key)

    @property
    def events_topic(self) -> str:
        """The topic of canonical events."""
        return ACCESS_EVENTS.full_name(self.prefix)


def build_worker(
    settings: Settings,
    *,
    register: Register,
    sinks: Sinks,
    watcher: WorkerWatcher,
    response_watcher: RecorderWatcher,
    accept_lost_records: bool = False,
) -> Worker:
    """Connect the parts; nothing is opened before the app starts."""
    prefix = settings.kafka.topic_prefix
    raw_topics = [raw_topic(name).full_name(prefix) for name in settings.adapters]
    app = faust_app(
        group_name(prefix),
        bootstrap=settings.kafka.bootstrap,
        config=GroupConfig(session_seconds=settings.kafka.session_timeout_seconds),
        partitions=settings.kafka.partitions,
    )
    outbox = Outbox(
        bootstrap=settings.kafka.bootstrap, timeout_seconds=settings.checkpoint.timeout_seconds
    )
    wires = _Wires(settings=settings, sinks=sinks, watcher=watcher, app=app, outbox=outbox)
    keeper: Keeper[Profile] = Keeper(ProfileCore(settings.core, register=register))
    steward = _add_judges(wires, keeper, accept_lost_records=accept_lost_records)
    followers: list[Follower] = [_add_rekeying(wires, topic) for topic in raw_topics]
    followers.append(_add_reference(wires))
    followers.append(_add_recorder(wires, response_watcher))
    reading = [steward.reading]
    if settings.core.detectors.collusion.mode == "on":
        collusion = _add_collusion(wires)
        followers.append(collusion)
        reading.append(collusion.reading)
    add_signals(app, steward, followers)
    places: list[Places] = [partial(judged_places, keeper, topic=wires.events_topic)]
    places += [follower.places for follower in followers]
    app.task(_vigil(settings.kafka, steward, places=places, reading=reading).keep)
    return Worker(app=app, keeper=keeper, outbox=outbox)


def _add_judges(
    wires: _Wires, keeper: Keeper[Profile], *, accept_lost_records: bool
) -> Steward[Profile]:
    settings = wires.settings
    lease = Lease(session_seconds=settings.kafka.session_timeout_seconds)
    state = StateTopic(
        STATE.full_name(wires.prefix),
        app=group_name(wires.prefix),
        keys=wires.keys,
    )
    group = FaustGroup(wires.app, wires.events_topic)
    checkpointer = Checkpointer(
        keeper,
        state=state,
        outbox=wires.outbox,
        lease=lease,
        commit=group.commit,
        config=settings.checkpoint,
    )
    steward = Steward(
        keeper,
        group=group,
        checkpointer=checkpointer,
        lease=lease,
        outbox=wires.outbox,
        state=state,
        on_done=_looking(wires.watcher, keeper, group),
        accept_lost_records=accept_lost_records,
    )
    agent = JudgeAgent(
        keeper,
        topic=wires.events_topic,
        limits=settings.limits,
        keys=wires.keys,
        base=settings.core,
        sinks=wires.sinks,
        poster=wires.outbox,
        watcher=wires.watcher,
        dead_letter_ratio_max=settings.worker.dead_letter_ratio_max,
    )
    add_state_table(wires.app, state.topic, steward, partitions=settings.kafka.partitions)
    handle = judging(agent, checkpointer=checkpointer, outbox=wires.outbox)
    add_agent(wires.app, wires.events_topic, name="judge", handle=handle)
    return steward


def _vigil(
    config: KafkaConfig,
    steward: Steward[Profile],
    *,
    places: Sequence[Places],
    reading: Sequence[Reading],
) -> Vigil:
    session_seconds = config.session_timeout_seconds
    ends = partial(topic_ends, bootstrap=config.bootstrap, timeout_seconds=session_seconds)
    return Vigil(
        places=places,
        reading=reading,
        epoch=lambda: steward.epoch,
        ends=ends,
        # Others would long have taken over by then, if this worker had said nothing at all.
        stall_seconds=2 * session_seconds,
        stop=stop_for,
    )


def _add_rekeying(wires: _Wires, topic: str) -> RekeyAgent:
    mapping = wires.settings.row_mapping()
    if mapping is None:
        message = "a raw topic without a mapping"
        raise AssertionError(message)
    agent = RekeyAgent(
        topic,
        events_topic=wires.events_topic,
        read=mapping.row,
        group=FaustGroup(wires.app, topic),
        outbox=wires.outbox,
        sinks=wires.sinks,
        watcher=wires.watcher,
    )
    add_agent(wires.app, topic, name=f"rekey {topic}", handle=agent.handle)
    return agent


def _add_reference(wires: _Wires) -> ReferenceAgent:
    settings = wires.settings
    summaries = SUMMARIES.full_name(wires.prefix)
    reference_topic = REFERENCE.full_name(wires.prefix)
    agent = ReferenceAgent(
        settings.core.reference,
        topic=summaries,
        events_topic=wires.events_topic,
        partitions=settings.kafka.partitions,
        reference_topic=reference_topic,
        keys=wires.keys,
        group=FaustGroup(wires.app, summaries),
        outbox=wires.outbox,
        recorded=partial(last_record, reference_topic, bootstrap=settings.kafka.bootstrap),
    )
    add_agent(wires.app, summaries, name="reference", handle=agent.handle)
    return agent


def _add_recorder(wires: _Wires, watcher: RecorderWatcher) -> RecorderAgent:
    settings = wires.settings
    configured = Configured(
        response=settings.response,
        cohort_size=settings.core.cohort.size,
        config_hash=config_hash(settings.core),
        version=version("headgate"),
        core=sendable(settings.core),
    )
    recorder_wires = RecorderWires(
        bootstrap=settings.kafka.bootstrap,
        prefix=wires.prefix,
        partitions=settings.kafka.partitions,
        configured=configured,
        keys=wires.keys,
        watcher=watcher,
    )
    decisions = DECISIONS.full_name(wires.prefix)
    recorder = Recorder(recorder_wires)
    agent = RecorderAgent(
        recorder.run, recorded=recorder.places, group=FaustGroup(wires.app, decisions)
    )
    add_agent(wires.app, decisions, name="recorder", handle=agent.handle)
    return agent


def _add_collusion(wires: _Wires) -> CollusionAgent:
    core = wires.settings.core
    topic = HOLDINGS.full_name(wires.prefix)
    agent = CollusionAgent(
        topic,
        open_judge=judge_opener(
            core.detectors.collusion,
            cohort_size=core.cohort.size,
            config_hash=config_hash(core),
        ),
        past=partial(records_before, topic=topic, bootstrap=wires.settings.kafka.bootstrap),
        group=FaustGroup(wires.app, topic),
        outbox=wires.outbox,
        sinks=wires.sinks,
        watcher=wires.watcher,
    )
    add_agent(wires.app, topic, name="collusion", handle=agent.handle)
    return agent


def _looking(
    watcher: WorkerWatcher, keeper: Keeper[Profile], group: FaustGroup
) -> Callable[[Done | None], None]:
    def look(done: Done | None) -> None:
        watcher.saved(done)
        watcher.looked(group.ends(), keeper)

    return look
