"""The worker, wired from top to bottom: topics, agents, sinks, metrics. No logic."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from detectors.config import CoreConfig, config_hash
from detectors.pipeline import Profile
from detectors.register import Register
from streams.console.wording import IDS_APART
from streams.faust_driver.app import HeadgateApp, faust_app
from streams.faust_driver.group import FaustGroup
from streams.kafka.log_reader import committed_records, records_before
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import Positions
from streams.kafka.topics import (
    DECISIONS,
    HOLDINGS,
    REFERENCE,
    STATE,
    SUMMARIES,
    raw_topic,
)
from streams.response.agent import RecorderAgent
from streams.response.journal import configured_by
from streams.response.recorder import Recorder, RecorderDependencies, RecorderWatcher
from streams.settings.settings import Settings
from streams.state.checkpoint import Checkpointer, Done
from streams.state.lease import Lease
from streams.state.partition_state import RESIDENT_MAX
from streams.state.profile_core import ProfileCore
from streams.state.protocol import StateStore
from streams.state.records import StateTopic
from streams.worker.batch_judging import BatchJudging
from streams.worker.collusion_agent import CollusionAgent, judge_opener
from streams.worker.dependencies import WorkerDependencies, group_name
from streams.worker.effect_sender import EffectSender
from streams.worker.judging import add_judging
from streams.worker.lifecycle import LifecycleDependencies, WorkerLifecycle, stop_for
from streams.worker.ports import Sinks, WorkerWatcher
from streams.worker.reference_agent import ReferenceAgent, ReferenceDependencies
from streams.worker.rekey_agent import RekeyAgent
from streams.worker.watchdog import RecoveryProgress, Watchdog, Watched, judge_positions, topic_ends
from streams.worker.wiring import (
    RebalanceListener,
    add_agent,
    add_signals,
    add_state_table,
)

logger = logging.getLogger("headgate.worker")

RECOVERY_SECONDS_MAX: Final = 300.0


class Worker(Struct, frozen=True, kw_only=True):
    """A Faust app with what it judges, ready to run."""

    app: HeadgateApp
    state_store: StateStore[Profile, Durable]
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
    app = faust_app(
        group_name(settings.file.kafka.topic_prefix),
        cluster=settings.cluster,
        session_seconds=settings.file.kafka.session_timeout_seconds,
        partitions=settings.file.kafka.partitions,
    )
    timeout_seconds = settings.file.checkpoint.timeout_seconds
    outbox = Outbox(cluster=settings.cluster, timeout_seconds=timeout_seconds)
    dependencies = WorkerDependencies(
        settings=settings,
        app=app,
        outbox=outbox,
        effects=EffectSender(sinks, sender=outbox, watcher=watcher),
        watcher=watcher,
        register=register,
    )
    state_store: StateStore[Profile, Durable] = StateStore(
        ProfileCore(settings.core, register=register)
    )
    lifecycle, judging = _add_judges(
        dependencies, state_store, accept_lost_records=accept_lost_records
    )
    listeners: list[RebalanceListener] = [
        *(_add_rekeying(dependencies, name) for name in settings.adapters),
        _add_reference(dependencies),
        _add_recorder(dependencies, response_watcher),
    ]
    recoveries = [lifecycle.recovery_progress]
    if _looks_for_rings(settings.core):
        collusion = _add_collusion(dependencies)
        listeners.append(collusion)
        recoveries.append(collusion.recovery_progress)
    add_signals(app, lifecycle, listeners, judging=judging)
    topic = dependencies.events_topic
    positions: list[Positions] = [listener.positions for listener in listeners]
    positions.append(partial(judge_positions, state_store, topic=topic, waits=judging.waits))
    watched = _watched(settings, lifecycle, positions=positions, recoveries=recoveries)
    app.task(Watchdog(watched).keep)
    return Worker(app=app, state_store=state_store, outbox=outbox)


def _add_judges(
    dependencies: WorkerDependencies,
    state_store: StateStore[Profile, Durable],
    *,
    accept_lost_records: bool,
) -> tuple[WorkerLifecycle[Profile], BatchJudging]:
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
    lifecycle_dependencies = LifecycleDependencies(
        group=group,
        checkpointer=checkpointer,
        lease=lease,
        outbox=dependencies.outbox,
        state=state,
        on_done=_on_done(dependencies.watcher, state_store, group),
        accept_lost_records=accept_lost_records,
    )
    lifecycle = WorkerLifecycle(state_store, lifecycle_dependencies)
    add_state_table(
        dependencies.app, state.topic, lifecycle, partitions=settings.file.kafka.partitions
    )
    judging = add_judging(dependencies, state_store, group=group, checkpointer=checkpointer)
    add_agent(dependencies.app, dependencies.events_topic, name="judge", handle=judging.handle)
    return lifecycle, judging


def _watched(
    settings: Settings,
    lifecycle: WorkerLifecycle[Profile],
    *,
    positions: Sequence[Positions],
    recoveries: Sequence[RecoveryProgress],
) -> Watched:
    session_seconds = settings.file.kafka.session_timeout_seconds
    return Watched(
        positions=positions,
        recoveries=recoveries,
        epoch=lambda: lifecycle.epoch,
        ends=partial(topic_ends, cluster=settings.cluster, timeout_seconds=session_seconds),
        # Others would long have taken over by then, if this worker had said nothing at all.
        stall_seconds=2 * session_seconds,
        stop=stop_for,
    )


def _add_rekeying(dependencies: WorkerDependencies, name: str) -> RekeyAgent:
    topic = raw_topic(name).full_name(dependencies.prefix)
    mapping = dependencies.settings.row_mapping()
    assert mapping is not None  # noqa: S101 - a mapping is what gives a raw topic its name
    agent = RekeyAgent(
        dependencies.reader(topic, start_at="committed"),
        events_topic=dependencies.events_topic,
        read_row=mapping.row,
        outbox=dependencies.outbox,
        effects=dependencies.effects,
    )
    add_agent(dependencies.app, topic, name=f"rekey {topic}", handle=agent.handle)
    return agent


def _add_reference(dependencies: WorkerDependencies) -> ReferenceAgent:
    settings = dependencies.settings
    summaries = SUMMARIES.full_name(dependencies.prefix)
    reference_topic = REFERENCE.full_name(dependencies.prefix)
    reference_dependencies = ReferenceDependencies(
        config=settings.core.reference,
        reference_topic=reference_topic,
        partitions=settings.file.kafka.partitions,
        keys=dependencies.keys,
        outbox=dependencies.outbox,
        recorded=partial(committed_records, reference_topic, cluster=settings.cluster),
    )
    reader = dependencies.reader(summaries, start_at="beginning")
    agent = ReferenceAgent(reader, reference_dependencies)
    add_agent(dependencies.app, summaries, name="reference", handle=agent.handle)
    return agent


def _add_recorder(dependencies: WorkerDependencies, watcher: RecorderWatcher) -> RecorderAgent:
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


def _looks_for_rings(core: CoreConfig) -> bool:
    """Tell whether institutions are compared; their ids may be such that they cannot."""
    if core.cohort.has_spaces:
        logger.warning("Ids are not compared.", extra={"detail": IDS_APART})
    return core.detectors.collusion.mode != "off" and not core.cohort.has_spaces


def _add_collusion(dependencies: WorkerDependencies) -> CollusionAgent:
    core = dependencies.settings.core
    topic = HOLDINGS.full_name(dependencies.prefix)
    agent = CollusionAgent(
        dependencies.reader(topic, start_at="committed"),
        open_judge=judge_opener(
            core.detectors.collusion,
            cohort_size=core.cohort.size,
            hashed=not core.cohort.are_positions,
            config_hash=config_hash(core),
        ),
        past=partial(records_before, topic=topic, cluster=dependencies.settings.cluster),
        outbox=dependencies.outbox,
        effects=dependencies.effects,
        watcher=dependencies.watcher,
    )
    add_agent(dependencies.app, topic, name="collusion", handle=agent.handle)
    return agent


def _on_done(
    watcher: WorkerWatcher, state_store: StateStore[Profile, Durable], group: FaustGroup
) -> Callable[[Done | None], None]:
    def on_done(done: Done | None) -> None:
        partitions = state_store.partitions.values()
        for partition in partitions:
            partition.evict_idle(
                resident_max=RESIDENT_MAX // len(partitions),
                # What people are told of is shown in metrics, however long nothing comes.
                needed=lambda profile: profile.state.incident is not None,
            )
        watcher.saved(done)
        watcher.looked(group.ends(), state_store)

    return on_done
