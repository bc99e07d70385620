"""Faust, set up so that it may only do what it does well: groups, recovery, delivery.

It commits nothing (no event is ever acknowledged to it), writes no state (its table only reads
the state topic back), declares no topic and serves no web page. Each setting that keeps a known
defect of Faust away says which.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, cast

import faust
from faust import SASLCredentials, SSLCredentials
from faust.types import EventT

from streams.faust_driver.assignor import WholeAssignor
from streams.faust_driver.recovery import Tables
from streams.kafka.cluster import Cluster
from streams.kafka.records import Batch
from streams.kafka.security import Security

LifecycleHook = Callable[[], Awaitable[None]]

# Of whole batches. A longer queue would hold a backlog in memory.
_BATCHES_QUEUED_MAX: Final = 4
_FETCH_BYTES_MAX: Final = 4 * 2**20
# Judged in one go. A record that can only be judged in part takes a third of a millisecond, and a
# batch of nothing else must not hold up the lease.
_BATCH_RECORDS_MAX: Final = 2_000
# Polls of the state topic that Faust keeps before it hands them on; with 1 it would read on after
# the recovery, what we write ourselves.
POLLS_KEPT_MAX: Final = 2


async def _nothing() -> None:
    pass


class HeadgateApp(faust.App):
    """A Faust app that opens and closes what its agents need."""

    def __init__(self, name: str, **settings: object) -> None:
        """Have nothing to open yet."""
        # What happens before any group is joined, and after the last checkpoint.
        self.opened: LifecycleHook = _nothing
        self.closed: LifecycleHook = _nothing
        super().__init__(name, **settings)  # type: ignore[arg-type] # Faust's own settings.

    async def on_first_start(self) -> None:
        """Make no directories: nothing is stored on this machine."""

    async def on_start(self) -> None:
        """Open what the agents need before Faust joins the group."""
        await self.opened()
        await super().on_start()

    async def on_stop(self) -> None:
        """Close it after the last checkpoint, which `on_before_shutdown` makes."""
        await super().on_stop()
        await self.closed()


class StateTable(faust.Table[bytes, bytes]):
    """Reads the state topic back during recovery and hands its records on; it stores nothing."""

    recovered: Callable[[int, bytes, bytes | None], None]

    def apply_changelog_batch(self, batch: Iterable[EventT[bytes]]) -> None:
        """Hand on the records of some polls, in the order of the topic."""
        for event in batch:
            for record in cast("Batch", event.value).records:
                self.recovered(event.message.partition, record.key or b"", record.value)


def faust_app(
    name: str,
    *,
    cluster: Cluster,
    session_seconds: float,
    partitions: int,
) -> HeadgateApp:
    """Return the app; no connection is made before it starts.

    After `session_seconds` of silence others take over what is ours.
    """
    brokers = ";".join(f"headgate://{address.strip()}" for address in cluster.bootstrap.split(","))
    return HeadgateApp(
        name,
        broker=brokers,
        broker_credentials=_credentials(cluster.security),
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=partitions,
        store="memory://",
        # Its own gives topics that it has not heard of yet to nobody.
        PartitionAssignor=WholeAssignor,
        # Its own dies in silence when the broker is gone in the middle of a rebalance.
        TableManager=Tables,
        # Topics are made beforehand, with the retention and compaction that they need.
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Standbys double the work and never apply a part of what they read.
        table_standby_replicas=0,
        # It binds every interface, and shows the tables to whoever asks.
        web_enabled=False,
        # We never acknowledge, so there is nothing to wait for.
        stream_wait_empty=False,
        stream_buffer_maxsize=_BATCHES_QUEUED_MAX,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCH_BYTES_MAX,
        broker_max_poll_records=_BATCH_RECORDS_MAX,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=session_seconds / 5,
        broker_request_timeout=max(20.0, session_seconds + 5.0),
        # Who is awake joins at once; who is not is replaced after a session anyway.
        broker_rebalance_timeout=2 * session_seconds,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )


def _credentials(security: Security) -> SASLCredentials | SSLCredentials | None:
    """Return how connections are made, as Faust wants it said."""
    if security.sasl is not None:
        return SASLCredentials(
            username=security.username,
            password=security.password,
            ssl_context=security.context,
            mechanism=security.sasl,
        )
    return None if security.context is None else SSLCredentials(security.context)
