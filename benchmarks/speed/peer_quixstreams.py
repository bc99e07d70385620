"""Our judge() on quixstreams: `python -m benchmarks.speed.peer_quixstreams BROKER TOPIC COUNT`."""

import sys

from quixstreams import Application

from benchmarks.speed.judging import Judging


def main() -> None:
    """Judge every record of a topic, in the framework's own loop."""
    broker, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    judging = Judging(count)
    app = Application(
        broker_address=broker,
        consumer_group=f"quixstreams-{name}",
        auto_offset_reset="earliest",
        loglevel="ERROR",
    )
    topic = app.topic(name, key_deserializer="bytes", value_deserializer="bytes")
    frame = app.dataframe(topic)
    frame.update(judging.take)
    app.run()


if __name__ == "__main__":
    main()
