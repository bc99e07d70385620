"""Step 7 of 7: records of both sources -> bodies of the journal, those that cannot be read too."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from aiokafka import TopicPartition

from detectors.response.entries import Body, DecisionMade, Refused, SourceRecord, digest
from streams.control.keys import public_keys
from streams.control.signature import checked
from streams.kafka.records import Record
from streams.response.findings import alert_seen
from streams.response.people import People

_DETAIL_LENGTH_MAX: Final = 200


class Sources:
    """Reads records of alerts and decisions."""

    __slots__ = ("_alerts", "_decisions", "_keys", "_people")

    def __init__(
        self,
        people: People,
        *,
        alerts: str,
        decisions: str,
        keys: Mapping[str, str],
    ) -> None:
        """Keep the topics' names, and the keys of those who may decide."""
        self._people = people
        self._alerts = alerts
        self._decisions = decisions
        self._keys = public_keys(keys)

    def order(self, place: TopicPartition) -> tuple[int, int]:
        """Return a sorting key: what was decided is known before what is alerted."""
        topics = (self._decisions, self._alerts)
        return topics.index(place.topic), place.partition

    def causes(
        self, place: TopicPartition, records: Iterable[Record]
    ) -> Iterator[tuple[SourceRecord, Body]]:
        """Yield what each record says, with where it lies."""
        for record in records:
            source = SourceRecord(
                topic=place.topic, partition=place.partition, offset=record.offset
            )
            yield source, self._body(place.topic, record)

    def _body(self, topic: str, record: Record) -> Body:
        if topic == self._alerts:
            seen = alert_seen(record.value, self._people)
            return _refused("alert", seen, record) if isinstance(seen, str) else seen
        decision = checked(record.value, topic=topic, keys=self._keys)
        if isinstance(decision, DecisionMade):
            return decision
        return _refused("decision", decision.detail, record)


def _refused(what: str, why: str, record: Record) -> Refused:
    return Refused(
        reason=what, detail=why[:_DETAIL_LENGTH_MAX], record_sha256=digest(record.value or b"")
    )
