"""Step 7 of 7: effects -> alerts, summaries, holdings; rejected records -> dead letters."""

from collections.abc import Sequence
from typing import Final

import msgspec

from detectors.verdict import DailySummary, Effect, NewHoldings, RaiseAlert
from streams.ingest.rejects import Rejected
from streams.kafka.records import OutgoingRecord, Record, RecordPosition
from streams.kafka.topics import HOLDINGS, SUMMARIES
from streams.sinks import alerts, dead_letters
from streams.sinks.dead_letters import Origin

_encode: Final = msgspec.json.Encoder(order="sorted").encode


class KafkaSinks:
    """Every effect as a record on the topic of its kind."""

    __slots__ = ("_prefix",)

    def __init__(self, topic_prefix: str) -> None:
        """Take the topics' prefix."""
        self._prefix = topic_prefix

    def effect(self, effect: Effect, position: RecordPosition) -> Sequence[OutgoingRecord]:
        """Return the records that carry out an effect.

        An alert goes to the partition of its event: one reader of both sees cause and effect.
        """
        if isinstance(effect, RaiseAlert):
            partition = position.partition
            return (alerts.record(effect, topic_prefix=self._prefix, partition=partition),)
        if isinstance(effect, DailySummary):
            return (self._summary(effect),)
        return (self._holdings(effect),)

    def dead_letter(
        self, reject: Rejected, record: Record, position: RecordPosition
    ) -> OutgoingRecord:
        """Return the dead letter of a record."""
        origin = Origin(
            topic=position.topic,
            partition=position.partition,
            offset=position.offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        return dead_letters.record(reject, origin, topic_prefix=self._prefix)

    def _summary(self, effect: DailySummary) -> OutgoingRecord:
        topic = SUMMARIES.full_name(self._prefix)
        return OutgoingRecord(topic=topic, key=effect.institution.encode(), value=_encode(effect))

    def _holdings(self, effect: NewHoldings) -> OutgoingRecord:
        # A day's later record holds its earlier ones.
        key = f"{effect.day}/{effect.institution}".encode()
        return OutgoingRecord(
            topic=HOLDINGS.full_name(self._prefix), key=key, value=_encode(effect)
        )
