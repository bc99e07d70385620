"""The settings of the local Kafka node: small, quick to start, and on loopback alone."""

from pathlib import Path

from streams.local_broker.ports import ADDRESS

# After a crash the node waits so long for its former self: 9 s by default.
SESSION_MS = 3_000
# Above the 20 MB that a hostile producer may send, so that it is rejected by us, and counted.
RECORD_BYTES_MAX = 32 * 1024 * 1024

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{address}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{address}:{port},CONTROLLER://{address}:{controller_port}
advertised.listeners=PLAINTEXT://{address}:{port}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms={session_ms}
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes={record_bytes_max}
replica.fetch.max.bytes={record_bytes_max}
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
"""


def server_properties(*, port: int, controller_port: int, data: Path, more: str = "") -> str:
    """Return the text of the node's configuration file; of a name in it, the last line counts."""
    return (PROPERTIES + more).format(
        address=ADDRESS,
        port=port,
        controller_port=controller_port,
        data=data,
        record_bytes_max=RECORD_BYTES_MAX,
        session_ms=SESSION_MS,
    )
