"""The worker, wired from top to bottom: topics, agents, sinks, metrics. No logic."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from detectors.config import config_hash
from detectors.pipeline import Profile
from detectors.register import Register
from streams.faust_driver.app import HeadgateApp, faust_app
from streams.faust_driver.group import FaustGroup
from streams.kafka.cluster import Cluster
from streams.kafka.log_reader import last_record, records_before
from streams.kafka.producer import Outbox
from streams.kafka.records import Positions
from streams.kafka.topics import (
    DECISIONS,
    HOLDINGS,
    REFERENCE,
    STATE,
    SUMMARIES,
    raw_topic,
)
from streams.recorder.agent import RecorderAgent
from streams.recorder.journal import configured_by
from streams.recorder.recorder import Dependencies as RecorderDependencies
from streams.recorder.recorder import Recorder, RecorderWatcher
from streams.settings.settings import Settings
from streams.state.checkpoint import Checkpointer, Done
from streams.state.lease import Lease
from streams.state.profiles import ProfileCore
from streams.state.protocol import StateStore
from streams.state.records import StateTopic
from streams.worker.collusion_agent import CollusionAgent, judge_opener
from streams.worker.dependencies import Dependencies, group_name
from streams.worker.judge_agent import JudgeAgent
from streams.worker.lifecycle import WorkerLifecycle, stop_for
from streams.worker.ports import Sinks, WorkerWatcher
from streams.worker.reference_agent import ReferenceAgent
from streams.worker.rekey_agent import RekeyAgent
from streams.worker.watchdog import Reading, Watchdog, judged_positions, topic_ends
from streams.worker.wiring import (
    RebalanceListener,
    add_agent,
    add_signals,
    add_state_table,
    judging,
)

RECOVERY_SECONDS_MAX: Final = 300.0


class Worker(Struct, frozen=True, kw_only=True):
    """A Faust app with what it judges, ready to run."""

    app: HeadgateApp
    state_store: StateStore[Profile]
    outbox: Outbox


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
    prefix = settings.file.kafka.topic_prefix
    raw_topics = [raw_topic(name).full_name(prefix) for name in settings.adapters]
    app = faust_app(
        group_name(prefix),
        cluster=settings.cluster,
        session_seconds=settings.file.kafka.session_timeout_seconds,
        partitions=settings.file.kafka.partitions,
    )
    outbox = Outbox(
        cluster=settings.cluster, timeout_seconds=settings.file.checkpoint.timeout_seconds
    )
    dependencies = Dependencies(
        settings=settings, sinks=sinks, watcher=watcher, app=app, outbox=outbox
    )
    state_store: StateStore[Profile] = StateStore(ProfileCore(settings.core, register=register))
    lifecycle = _add_judges(dependencies, state_store, accept_lost_records=accept_lost_records)
    listeners: list[RebalanceListener] = [
        *(_add_rekeying(dependencies, topic) for topic in raw_topics),
        _add_reference(dependencies),
        _add_recorder(dependencies, response_watcher),
    ]
    reading = [lifecycle.reading]
    if settings.core.detectors.collusion.mode == "on":
        collusion = _add_collusion(dependencies)
        listeners.append(collusion)
        reading.append(collusion.reading)
    add_signals(app, lifecycle, listeners)
    positions: list[Positions] = [
        partial(judged_positions, state_store, topic=dependencies.events_topic)
    ]
    positions += [listener.positions for listener in listeners]
    watchdog = _watchdog(
        settings.cluster,
        lifecycle,
        session_seconds=settings.file.kafka.session_timeout_seconds,
        positions=positions,
        reading=reading,
    )
    app.task(watchdog.keep)
    return Worker(app=app, state_store=state_store, outbox=outbox)


def _add_judges(
    dependencies: Dependencies, state_store: StateStore[Profile], *, accept_lost_records: bool
) -> WorkerLifecycle[Profile]:
    settings = dependencies.settings
    lease = Lease(session_seconds=settings.file.kafka.session_timeout_seconds)
    state = StateTopic(
        STATE.full_name(dependencies.prefix),
        app=group_name(dependencies.prefix),
        keys=dependencies.keys,
    )
    group = FaustGroup(dependencies.app, dependencies.events_topic)
    checkpointer = Checkpointer(
        state_store,
        state=state,
        outbox=dependencies.outbox,
        lease=lease,
        commit=group.commit,
        config=settings.file.checkpoint,
    )
    lifecycle = WorkerLifecycle(
        state_store,
        group=group,
        checkpointer=checkpointer,
        lease=lease,
        outbox=dependencies.outbox,
        state=state,
        on_done=_looking(dependencies.watcher, state_store, group),
        accept_lost_records=accept_lost_records,
    )
    agent = JudgeAgent(
        state_store,
        topic=dependencies.events_topic,
        limits=settings.limits,
        keys=dependencies.keys,
        base=settings.core,
        sinks=dependencies.sinks,
        poster=dependencies.outbox,
        watcher=dependencies.watcher,
        dead_letter_ratio_max=settings.file.worker.dead_letter_ratio_max,
    )
    add_state_table(
        dependencies.app, state.topic, lifecycle, partitions=settings.file.kafka.partitions
    )
    handle = judging(agent, checkpointer=checkpointer, outbox=dependencies.outbox)
    add_agent(dependencies.app, dependencies.events_topic, name="judge", handle=handle)
    return lifecycle


def _watchdog(
    cluster: Cluster,
    lifecycle: WorkerLifecycle[Profile],
    *,
    session_seconds: float,
    positions: Sequence[Positions],
    reading: Sequence[Reading],
) -> Watchdog:
    ends = partial(topic_ends, cluster=cluster, timeout_seconds=session_seconds)
    return Watchdog(
        positions=positions,
        reading=reading,
        epoch=lambda: lifecycle.epoch,
        ends=ends,
        # Others would long have taken over by then, if this worker had said nothing at all.
        stall_seconds=2 * session_seconds,
        stop=stop_for,
    )


def _add_rekeying(dependencies: Dependencies, topic: str) -> RekeyAgent:
    mapping = dependencies.settings.row_mapping()
    assert mapping is not None  # noqa: S101 - a mapping is what gives a raw topic its name
    agent = RekeyAgent(
        topic,
        events_topic=dependencies.events_topic,
        read=mapping.row,
        group=FaustGroup(dependencies.app, topic),
        outbox=dependencies.outbox,
        sinks=dependencies.sinks,
        watcher=dependencies.watcher,
    )
    add_agent(dependencies.app, topic, name=f"rekey {topic}", handle=agent.handle)
    return agent


def _add_reference(dependencies: Dependencies) -> ReferenceAgent:
    settings = dependencies.settings
    summaries = SUMMARIES.full_name(dependencies.prefix)
    reference_topic = REFERENCE.full_name(dependencies.prefix)
    agent = ReferenceAgent(
        settings.core.reference,
        topic=summaries,
        events_topic=dependencies.events_topic,
        partitions=settings.file.kafka.partitions,
        reference_topic=reference_topic,
        keys=dependencies.keys,
        group=FaustGroup(dependencies.app, summaries),
        outbox=dependencies.outbox,
        recorded=partial(last_record, reference_topic, cluster=settings.cluster),
    )
    add_agent(dependencies.app, summaries, name="reference", handle=agent.handle)
    return agent


def _add_recorder(dependencies: Dependencies, watcher: RecorderWatcher) -> RecorderAgent:
    settings = dependencies.settings
    recorder_dependencies = RecorderDependencies(
        cluster=settings.cluster,
        prefix=dependencies.prefix,
        partitions=settings.file.kafka.partitions,
        configured=configured_by(settings.core, settings.file.response),
        keys=dependencies.keys,
        watcher=watcher,
    )
    decisions = DECISIONS.full_name(dependencies.prefix)
    recorder = Recorder(recorder_dependencies)
    agent = RecorderAgent(
        recorder.run,
        recorded=recorder.positions,
        group=FaustGroup(dependencies.app, decisions),
        stop=stop_for,
    )
    add_agent(dependencies.app, decisions, name="recorder", handle=agent.handle)
    return agent


def _add_collusion(dependencies: Dependencies) -> CollusionAgent:
    core = dependencies.settings.core
    topic = HOLDINGS.full_name(dependencies.prefix)
    agent = CollusionAgent(
        topic,
        open_judge=judge_opener(
            core.detectors.collusion,
            cohort_size=core.cohort.size,
            config_hash=config_hash(core),
        ),
        past=partial(records_before, topic=topic, cluster=dependencies.settings.cluster),
        group=FaustGroup(dependencies.app, topic),
        outbox=dependencies.outbox,
        sinks=dependencies.sinks,
        watcher=dependencies.watcher,
    )
    add_agent(dependencies.app, topic, name="collusion", handle=agent.handle)
    return agent


def _looking(
    watcher: WorkerWatcher, state_store: StateStore[Profile], group: FaustGroup
) -> Callable[[Done | None], None]:
    def look(done: Done | None) -> None:
        watcher.saved(done)
        watcher.looked(group.ends(), state_store)

    return look
