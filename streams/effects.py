"""Step 7 of 7: effects and refusals -> records: alerts, suspensions, summaries, dead letters."""

from collections.abc import Sequence
from typing import Final

import msgspec

from detectors.verdict import DailySummary, Effect, RaiseAlert
from streams.judge_agent import Place
from streams.outbox import Outgoing
from streams.rejects import Rejected
from streams.topics import ALERTS, DEAD_LETTERS, SUMMARIES, SUSPENSIONS
from streams.transport import Record

_encode: Final = msgspec.json.Encoder(order="sorted").encode


class KafkaSinks:
    """Every effect as a record on the topic of its kind."""

    __slots__ = ("_alerts", "_dead_letters", "_summaries", "_suspensions")

    def __init__(self, topic_prefix: str) -> None:
        """Take the topics from the table."""
        self._alerts = ALERTS.full_name(topic_prefix)
        self._dead_letters = DEAD_LETTERS.full_name(topic_prefix)
        self._summaries = SUMMARIES.full_name(topic_prefix)
        self._suspensions = SUSPENSIONS.full_name(topic_prefix)

    def effect(self, effect: Effect, place: Place) -> Sequence[Outgoing]:
        """Return the records that carry out an effect."""
        if isinstance(effect, RaiseAlert):
            key, topic = effect.alert.institution, self._alerts
            value = _encode(effect.alert)
            return [Outgoing(topic=topic, key=key.encode(), value=value, partition=place.partition)]
        topic = self._summaries if isinstance(effect, DailySummary) else self._suspensions
        return [Outgoing(topic=topic, key=effect.institution.encode(), value=_encode(effect))]

    def refusal(self, refused: Rejected, record: Record, place: Place) -> Outgoing:
        """Return the dead letter of a record: its own bytes, and the reason in the headers."""
        headers = (
            *record.headers,
            ("headgate-reason", refused.reason.value.encode()),
            ("headgate-detail", refused.detail.encode()),
            ("headgate-topic", place.topic.encode()),
            ("headgate-partition", b"%d" % place.partition),
            ("headgate-offset", b"%d" % place.offset),
        )
        return Outgoing(
            topic=self._dead_letters,
            key=record.key,
            value=record.value,
            partition=place.partition,
            headers=headers,
        )
