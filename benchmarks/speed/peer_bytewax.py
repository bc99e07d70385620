"""Our judge() on bytewax: `python -m benchmarks.speed.peer_bytewax BROKER TOPIC COUNT`."""

import sys

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main

from benchmarks.speed.judging import Judging

BATCH = 4_000


def main() -> None:
    """Judge every record of a topic, in the framework's own loop."""
    broker, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    judging = Judging(count)

    def take(message: KafkaSourceMessage[bytes | None, bytes | None]) -> None:
        judging.take(message.value)

    flow = Dataflow("judge")
    source = KafkaSource([broker], [name], batch_size=BATCH)
    taken = op.map("judge", op.input("events", flow, source), take)
    op.output("nothing", op.filter("drop", taken, lambda _: False), StdOutSink())
    cluster_main(flow, [], 0)


if __name__ == "__main__":
    main()
