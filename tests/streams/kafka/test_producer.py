import asyncio

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.producer import Outbox
from streams.kafka.records import OutgoingRecord, TopicRecord
from streams.kafka.send import send


def received(bootstrap: str, topic: str) -> list[TopicRecord]:
    """Return every record of a topic."""
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        return [r for p in reader.partitions for batch in reader.records(p) for r in batch]


@pytest.mark.kafka
def test_what_is_posted_arrives_in_order_and_is_durable_when_it_says_so(
    kafka: str, topic_prefix: str
) -> None:
    """A future is done once the broker has its record, and nothing overtakes."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)
    topic = f"{topic_prefix}.alerts"
    values = [b"%d" % number for number in range(2_000)]

    async def scenario() -> None:
        outbox = Outbox(cluster=unprotected(kafka), timeout_seconds=20.0)
        await outbox.start()
        futures = [
            outbox.post(OutgoingRecord(topic=topic, key=b"k", value=value)) for value in values
        ]
        await outbox.below(100)
        await outbox.durable(futures)
        await outbox.stop()

    asyncio.run(scenario())
    assert [record.value for record in received(kafka, topic)] == values


@pytest.mark.kafka
def test_a_header_without_a_value_arrives_without_one(kafka: str, topic_prefix: str) -> None:
    """Others may send such headers, and a dead letter carries what came, as it was."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)
    topic = f"{topic_prefix}.dead-letters"
    headers = (("trace", None), ("reason", b"why"))
    send(
        [OutgoingRecord(topic=topic, key=b"k", value=b"v", headers=headers)],
        cluster=unprotected(kafka),
    )
    (record,) = received(kafka, topic)
    assert list(record.headers) == [("trace", None), ("reason", b"why")]


@pytest.mark.kafka
def test_a_record_that_the_broker_refuses_raises_where_it_is_awaited(
    kafka: str, topic_prefix: str
) -> None:
    """Whoever awaits it learns why; those behind it are sent."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)
    topic = f"{topic_prefix}.alerts"

    async def scenario() -> None:
        outbox = Outbox(cluster=unprotected(kafka), timeout_seconds=20.0)
        await outbox.start()
        large = outbox.post(OutgoingRecord(topic=topic, key=None, value=b"x" * 40 * 2**20))
        small = outbox.post(OutgoingRecord(topic=topic, key=None, value=b"small"))
        with pytest.raises(MessageSizeTooLargeError):
            await outbox.durable([large])
        await outbox.durable([small])
        await outbox.stop()

    asyncio.run(scenario())
    assert [record.value for record in received(kafka, topic)] == [b"small"]


def test_a_broker_that_does_not_answer_is_a_timeout() -> None:
    """Nobody waits for ever for a record to become durable."""

    async def scenario() -> None:
        outbox = Outbox(cluster=unprotected(""), timeout_seconds=0.01)
        with pytest.raises(TimeoutError):
            await outbox.durable([asyncio.get_running_loop().create_future()])

    asyncio.run(scenario())


def test_a_slow_way_is_no_timeout_as_long_as_something_arrives() -> None:
    """Many dead letters over a bad network take long; that alone ends nobody."""

    async def scenario() -> None:
        outbox = Outbox(cluster=unprotected(""), timeout_seconds=0.2)
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(8)]
        for place, future in enumerate(futures):
            loop.call_later(0.05 * place, future.set_result, None)
        await outbox.durable(futures)
        assert all(future.done() for future in futures)

    asyncio.run(scenario())
