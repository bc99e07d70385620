"""Records of the three sources -> bodies of the journal; what cannot be read is recorded too."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from aiokafka import TopicPartition

from detectors.register import Institution, Registered
from detectors.response.journal import Body, DecisionMade, Refused, Source, digest
from streams.recorder.findings import alert_seen
from streams.recorder.people import People
from streams.rejects import Rejected
from streams.signing import checked, public_keys
from streams.transport import Record

_DETAIL_LENGTH_MAX: Final = 200


class Sources:
    """Reads records of alerts, decisions and the register."""

    __slots__ = ("_alerts", "_decisions", "_keys", "_people", "_register")

    def __init__(
        self,
        people: People,
        *,
        alerts: str,
        decisions: str,
        register: str,
        keys: Mapping[str, str],
    ) -> None:
        """Keep the topics' names, and the keys of those who may decide."""
        self._people = people
        self._alerts = alerts
        self._decisions = decisions
        self._register = register
        self._keys = public_keys(keys)

    def order(self, place: TopicPartition) -> tuple[int, int]:
        """Return a sorting key: what was approved is known before what is alerted."""
        topics = (self._register, self._decisions, self._alerts)
        return topics.index(place.topic), place.partition

    def causes(
        self, place: TopicPartition, records: Iterable[Record]
    ) -> Iterator[tuple[Source, Body]]:
        """Yield what each record says, with where it lies."""
        for record in records:
            source = Source(topic=place.topic, partition=place.partition, offset=record.offset)
            yield source, self._body(place.topic, record)

    def _body(self, topic: str, record: Record) -> Body:
        if topic == self._alerts:
            seen = alert_seen(record.value, self._people)
            return _refused("alert", seen, record) if isinstance(seen, str) else seen
        if topic == self._register:
            return _registered(record)
        made = checked(record.value, topic=topic, keys=self._keys)
        if isinstance(made, DecisionMade):
            return made
        return _refused("decision", _detail(made), record)


def _detail(found: Rejected) -> str:
    return found.detail


def _registered(record: Record) -> Body:
    try:
        institution = (record.key or b"").decode()
        if record.value is None:
            return Registered(institution=institution, entry=None)
        entry = msgspec.json.decode(record.value, type=Institution)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _refused("register", str(error), record)
    if entry.id != institution:
        return _refused("register", f"an entry of {entry.id!r} under another key", record)
    return Registered(institution=institution, entry=entry)


def _refused(what: str, why: str, record: Record) -> Refused:
    return Refused(
        reason=what, detail=why[:_DETAIL_LENGTH_MAX], record_sha256=digest(record.value or b"")
    )
