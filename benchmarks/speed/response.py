"""How long from an alert on the broker to the suspension on the broker, with a real recorder.

`python -m benchmarks.speed.response [ALERTS]` starts a local Kafka and prints the delays.
"""

import asyncio
import statistics
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import Configured
from detectors.verdict import Alert, RaiseAlert
from streams.clock import monotonic_seconds
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.local_broker.broker import LocalBroker
from streams.response.recorder import Recorder, RecorderDependencies
from streams.sinks import alerts
from streams.state.envelope import keys_from_text

ALERTS_COUNT = 100
WARM_COUNT = 10
PREFIX = "speed"
COHORT_SIZE = 1_000


class NullProgress:
    """Counts nothing."""

    def responded(self, *_: object, **__: object) -> None:
        """Note nothing."""

    def ended(self) -> None:
        """Note nothing."""


def alert(number: int) -> Alert:
    """Return an alert that is suspended at once."""
    return Alert(
        alert_id=f"a{number}",
        change="create",
        revision=1,
        institution=f"i{number}",
        at_ms=0,
        started_ms=0,
        severity="high",
        confidence=1.0,
        p_value=1e-9,
        sentence="",
        reasons=(),
        coverage=(),
        taken_participants=COHORT_SIZE,
        top_user=f"u{number}",
        top_user_share=1.0,
        top_project=None,
        sample_event_ids=(),
        trigger_event_id="e",
        config_hash="c",
        reference_version="r",
    )


async def measure(bootstrap: str, alerts_count: int) -> list[float]:
    """Return the delay of each alert, one after the other, in seconds."""
    modes = Modes(throttle="automatic", suspend="automatic")
    response = ResponseConfig(modes=modes, blast_radius_institutions=2 * alerts_count)
    dependencies = RecorderDependencies(
        cluster=unprotected(bootstrap),
        prefix=PREFIX,
        partitions=1,
        configured=Configured(
            response=response, cohort_size=COHORT_SIZE, config_hash="c", version=""
        ),
        keys=keys_from_text(None),
        watcher=NullProgress(),
    )
    recording = asyncio.create_task(Recorder(dependencies).run())
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(
        f"{PREFIX}.suspensions",
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await producer.start()
    await consumer.start()
    delays = []
    for number in range(alerts_count + WARM_COUNT):
        record = alerts.record(RaiseAlert(alert=alert(number)), topic_prefix=PREFIX)
        await producer.send_and_wait(record.topic, record.value, key=record.key)
        began = monotonic_seconds()
        await consumer.getone()
        delays.append(monotonic_seconds() - began)
    await consumer.stop()
    await producer.stop()
    recording.cancel()
    await asyncio.wait({recording})
    return delays[WARM_COUNT:]


def main() -> None:
    """Print the delays."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ALERTS_COUNT
    with LocalBroker() as broker:
        ensure_topics(unprotected(broker.bootstrap), prefix=PREFIX, partitions=1)
        delays = asyncio.run(measure(broker.bootstrap, count))
    cuts = statistics.quantiles(delays, n=100)
    print(f"{count} alerts, from the alert on the broker to the suspension on the broker")
    print(f"median {cuts[49] * 1e3:.0f} ms, 99 % below {cuts[98] * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
