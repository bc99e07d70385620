"""Step 7 of 7: effects and refusals -> records: alerts, suspensions, summaries, dead letters."""

from collections.abc import Sequence
from typing import Final

import msgspec

from detectors.verdict import DailySummary, Effect, NewHoldings, RaiseAlert
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Outgoing
from streams.kafka.records import Record, RecordPosition
from streams.kafka.topics import HOLDINGS, SUMMARIES
from streams.sinks import alerts, dead_letters
from streams.sinks.dead_letters import Origin
from streams.sinks.outgoing import OutgoingRecord

_encode: Final = msgspec.json.Encoder(order="sorted").encode


class KafkaSinks:
    """Every effect as a record on the topic of its kind."""

    __slots__ = ("_prefix",)

    def __init__(self, topic_prefix: str) -> None:
        """Take the topics' prefix."""
        self._prefix = topic_prefix

    def effect(self, effect: Effect, position: RecordPosition) -> Sequence[Outgoing]:
        """Return the records that carry out an effect.

        An alert goes to the partition of its event: one reader of both sees cause and effect.
        """
        if isinstance(effect, RaiseAlert):
            made = alerts.record(effect, topic_prefix=self._prefix)
            return (_outgoing(made, partition=position.partition),)
        if isinstance(effect, DailySummary):
            return (self._summary(effect),)
        return (self._holdings(effect),)

    def dead_letter(self, reject: Rejected, record: Record, position: RecordPosition) -> Outgoing:
        """Return the dead letter of a record."""
        origin = Origin(
            topic=position.topic,
            partition=position.partition,
            offset=position.offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        made = dead_letters.record(reject, origin, topic_prefix=self._prefix)
        return _outgoing(made, partition=position.partition)

    def _summary(self, effect: DailySummary) -> Outgoing:
        topic = SUMMARIES.full_name(self._prefix)
        return Outgoing(topic=topic, key=effect.institution.encode(), value=_encode(effect))

    def _holdings(self, effect: NewHoldings) -> Outgoing:
        # A day's later record holds its earlier ones.
        key = f"{effect.day}/{effect.institution}".encode()
        return Outgoing(topic=HOLDINGS.full_name(self._prefix), key=key, value=_encode(effect))


def _outgoing(made: OutgoingRecord, *, partition: int | None = None) -> Outgoing:
    # aiokafka refuses a header without a value; Kafka itself takes it as empty.
    headers = tuple((name, value or b"") for name, value in made.headers)
    return Outgoing(
        topic=made.topic, key=made.key, value=made.value, partition=partition, headers=headers
    )
