"""The judges, wired: what they read, what they wait for, and who says how late it is."""

from detectors.pipeline import Profile
from streams.clock import monotonic_seconds, wall_ms
from streams.control.partition_context import PartitionContexts
from streams.control.reference_log import ReferenceLog
from streams.faust_driver.group import FaustGroup
from streams.kafka.producer import Durable
from streams.kafka.topics import REFERENCE, SUMMARIES
from streams.state.checkpoint import Checkpointer
from streams.state.protocol import StateStore
from streams.worker.batch_judging import BatchJudging, JudgingDependencies
from streams.worker.dependencies import WorkerDependencies
from streams.worker.idle_clock import IdleClock, IdleClockDependencies
from streams.worker.judge_agent import JudgeAgent
from streams.worker.lifecycle import stop_for
from streams.worker.partition_days import JudgeDependencies
from streams.worker.reference_follower import FollowerDependencies, ReferenceFollower


def add_judging(
    dependencies: WorkerDependencies,
    state_store: StateStore[Profile, Durable],
    *,
    group: FaustGroup,
    checkpointer: Checkpointer[Profile],
) -> BatchJudging:
    """Connect the judges of a worker to what they wait for, and return who judges batches."""
    settings = dependencies.settings
    log = ReferenceLog(settings.core.reference)
    follower = _follower(dependencies, log)
    judge_dependencies = JudgeDependencies(
        topic=dependencies.events_topic,
        summaries_topic=SUMMARIES.full_name(dependencies.prefix),
        limits=settings.limits,
        keys=dependencies.keys,
        base=settings.core,
        reference_log=log,
        effects=dependencies.effects,
        watcher=dependencies.watcher,
        dead_letter_ratio_max=settings.file.worker.dead_letter_ratio_max,
        partitions=settings.file.kafka.partitions,
        register=dependencies.register,
    )
    agent = JudgeAgent(state_store, judge_dependencies)
    judging = BatchJudging(
        JudgingDependencies(
            agent=agent,
            follower=follower,
            checkpointer=checkpointer,
            outbox=dependencies.outbox,
            hold=group.pause,
            release=group.resume,
            stop=stop_for,
        )
    )
    idle_clock = _idle_clock(
        dependencies, state_store, group=group, judging=judging, log=log, contexts=agent.contexts
    )
    dependencies.app.task(follower.keep)
    dependencies.app.task(idle_clock.keep)
    return judging


def _follower(dependencies: WorkerDependencies, log: ReferenceLog) -> ReferenceFollower:
    settings = dependencies.settings
    return ReferenceFollower(
        log,
        FollowerDependencies(
            topic=REFERENCE.full_name(dependencies.prefix),
            cluster=settings.cluster,
            keys=dependencies.keys,
            outbox=dependencies.outbox,
            wait_seconds=settings.file.worker.reference_wait_seconds,
            stop=stop_for,
        ),
    )


def _idle_clock(
    dependencies: WorkerDependencies,
    state_store: StateStore[Profile, Durable],
    *,
    group: FaustGroup,
    judging: BatchJudging,
    log: ReferenceLog,
    contexts: PartitionContexts,
) -> IdleClock:
    settings = dependencies.settings
    return IdleClock(
        state_store,
        IdleClockDependencies(
            topic=dependencies.events_topic,
            config=settings.core.reference,
            keys=dependencies.keys,
            outbox=dependencies.outbox,
            log=log,
            contexts=contexts,
            waits=judging.waits,
            end=group.end,
            now_ms=wall_ms,
            now_seconds=monotonic_seconds,
            stop=stop_for,
        ),
    )
