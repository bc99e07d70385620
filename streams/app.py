"""The worker, wired from top to bottom: topics, agents, sinks, metrics. No logic."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from faust.streams import Stream
from faust.types import StreamT
from msgspec import Struct

from detectors.pipeline import Profile
from detectors.reference import prior_reference
from detectors.register import Register
from streams.checkpoint import Checkpointer, Done
from streams.config import Settings
from streams.envelope import keys_from_text
from streams.faust_app import GroupConfig, HeadgateApp, StateTable, faust_app
from streams.group import FaustGroup
from streams.judge_agent import JudgeAgent, Sinks, Watcher
from streams.lease import Lease
from streams.outbox import Outbox
from streams.profiles import ProfileCore
from streams.protocol import Keeper
from streams.state_topic import StateTopic
from streams.steward import Steward, stop_for
from streams.topics import ACCESS_EVENTS, STATE
from streams.transport import Batch

RECOVERY_SECONDS_MAX: Final = 300.0
# More posted than this, and the judge waits for the producer before its next batch.
_POSTED_COUNT_MAX: Final = 10_000


def group_name(topic_prefix: str) -> str:
    """Return the consumer group of the workers, which is also what states are signed for."""
    return f"{topic_prefix}-worker"


class WorkerWatcher(Watcher, Protocol):
    """Who counts what the judges do, and looks at the whole after each checkpoint."""

    def saved(self, done: Done) -> None:
        """Count a checkpoint."""

    def looked(self, ends: Mapping[int, int], keeper: Keeper[Profile]) -> None:
        """Note how all stands; `ends` are the input's ends by partition, as last seen."""


class Worker(Struct, frozen=True, kw_only=True):
    """A Faust app with what it judges, ready to run."""

    app: HeadgateApp
    keeper: Keeper[Profile]
    outbox: Outbox


def build_worker(
    settings: Settings,
    *,
    register: Register,
    sinks: Sinks,
    watcher: WorkerWatcher,
) -> Worker:
    """Connect the parts; nothing is opened before the app starts."""
    prefix = settings.kafka.topic_prefix
    events_topic = ACCESS_EVENTS.full_name(prefix)
    outbox = Outbox(
        bootstrap=settings.kafka.bootstrap, timeout_seconds=settings.checkpoint.timeout_seconds
    )
    app = faust_app(
        group_name(prefix),
        bootstrap=settings.kafka.bootstrap,
        config=GroupConfig(session_seconds=settings.kafka.session_timeout_seconds),
        batched_topics=[events_topic],
        partitions=settings.kafka.partitions,
    )
    keeper: Keeper[Profile] = Keeper(ProfileCore(settings.core, register=register))
    lease = Lease(session_seconds=settings.kafka.session_timeout_seconds)
    state = StateTopic(
        STATE.full_name(prefix), app=group_name(prefix), keys=keys_from_text(settings.state_key)
    )
    group = FaustGroup(app, events_topic)
    checkpointer = Checkpointer(
        keeper,
        state=state,
        outbox=outbox,
        lease=lease,
        commit=group.commit,
        config=settings.checkpoint,
    )
    steward = Steward(
        keeper,
        group=group,
        checkpointer=checkpointer,
        lease=lease,
        outbox=outbox,
        state=state,
        on_done=_looking(watcher, keeper, group),
    )
    agent = JudgeAgent(
        keeper,
        topic=events_topic,
        limits=settings.limits,
        prior=prior_reference(settings.core.reference),
        sinks=sinks,
        poster=outbox,
        watcher=watcher,
        dead_letter_ratio_max=settings.worker.dead_letter_ratio_max,
    )
    _add_state_table(app, state.topic, steward, partitions=settings.kafka.partitions)
    _add_signals(app, steward)
    _add_judge(app, events_topic, agent, checkpointer=checkpointer, outbox=outbox)
    return Worker(app=app, keeper=keeper, outbox=outbox)


def _looking(
    watcher: WorkerWatcher, keeper: Keeper[Profile], group: FaustGroup
) -> Callable[[Done], None]:
    def look(done: Done) -> None:
        watcher.saved(done)
        watcher.looked(group.ends(), keeper)

    return look


def _add_state_table(
    app: HeadgateApp, topic: str, steward: Steward[Profile], *, partitions: int
) -> None:
    changelog = app.topic(topic, key_type=bytes, value_type=bytes, partitions=partitions)
    table = StateTable(
        app,
        name="state",
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        changelog_topic=changelog,
    )
    table.recovered = steward.recovered
    app.tables.add(table)


def _add_signals(app: HeadgateApp, steward: Steward[Profile]) -> None:
    async def on_revoked(*_: object, **__: object) -> None:
        steward.revoked()

    async def on_recovered(*_: object, **__: object) -> None:
        await steward.recovery_complete()

    async def on_end(*_: object, **__: object) -> None:
        await steward.save()

    # Strong references: Faust's signals hold their receivers weakly unless told otherwise.
    app.on_partitions_revoked.connect(on_revoked, weak=False)
    app.on_rebalance_complete.connect(on_recovered, weak=False)
    app.on_before_shutdown.connect(on_end, weak=False)
    app.opened = steward.opened
    app.closed = steward.closed
    app.task(steward.keep_saving)


def _add_judge(
    app: HeadgateApp,
    topic: str,
    agent: JudgeAgent,
    *,
    checkpointer: Checkpointer[Profile],
    outbox: Outbox,
) -> None:
    async def judge_access_events(stream: StreamT[Batch]) -> None:
        # Never acknowledged: Faust's commit would pass over what is not saved.
        async for event in cast("Stream[Batch]", stream).noack().events():
            if app.should_stop or app.rebalancing:
                continue
            try:
                judged_count = agent.handle(event.message.partition, event.value)
            except Exception as error:  # noqa: BLE001 - every failure ends the process.
                stop_for(error)
            else:
                checkpointer.note(judged_count)
                await outbox.below(_POSTED_COUNT_MAX)

    channel = app.topic(topic, key_type=bytes, value_type=bytes)
    app.agent(channel, name="judge")(judge_access_events)
