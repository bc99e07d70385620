"""What the worker says, read from its topics as any consumer would: alerts and suspensions."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from msgspec.structs import replace

from streams.control.reference_log import DayReference, decode_message
from streams.kafka.cluster import Cluster
from streams.kafka.topics import ALERTS, REFERENCE, SUSPENSIONS
from streams.report.lines import Line, alert_line, measure_line
from streams.sinks.alert_reader import read_alert
from streams.sinks.alerts import statement_id
from streams.sinks.suspensions import suspension_of

_POLL_MS: Final = 200


class Listener:
    """Hears alerts and suspensions and says each in one line; a repeat is heard once.

    Of incidents before `live_from_ms` only the beginning is said: two months pass in seconds.
    """

    __slots__ = (
        "_live_from_ms",
        "_say",
        "_topic_prefix",
        "alerts",
        "reference_day",
        "severities",
        "suspended",
    )

    def __init__(
        self, topic_prefix: str, *, say: Callable[[Line], None], live_from_ms: int = 0
    ) -> None:
        """Have heard nothing."""
        self._topic_prefix = topic_prefix
        self._live_from_ms = live_from_ms
        self._say = say
        self.alerts: dict[str, bytes] = {}
        self.severities: dict[str, str] = {}
        self.suspended: dict[str, str] = {}
        self.reference_day = 0

    async def run(self, cluster: Cluster) -> None:
        """Listen until cancelled."""
        hear: Mapping[str, Callable[[bytes], None]] = {
            ALERTS.full_name(self._topic_prefix): self.hear_alert,
            SUSPENSIONS.full_name(self._topic_prefix): self.hear_suspension,
            REFERENCE.full_name(self._topic_prefix): self.hear_reference,
        }
        consumer = AIOKafkaConsumer(
            *hear,
            **cluster.client_options(),
            group_id=None,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            while True:
                polled: Mapping[object, list[ConsumerRecord]]
                polled = await consumer.getmany(timeout_ms=_POLL_MS)
                for records in polled.values():
                    for record in records:
                        hear[record.topic](record.value)
                await asyncio.sleep(0)
        finally:
            await consumer.stop()

    def hear_alert(self, value: bytes) -> None:
        """Say an alert."""
        alert = read_alert(value)
        if statement_id(alert) in self.alerts:
            return
        self.alerts[statement_id(alert)] = value
        if alert.change == "close":
            self.severities.pop(alert.institution, None)
        else:
            self.severities[alert.institution] = alert.severity
        past = alert.at_ms < self._live_from_ms
        if not past or alert.change == "create":
            line = alert_line(
                alert.sentence, at_ms=alert.at_ms, change=alert.change, severity=alert.severity
            )
            self._say(_dimmed(line) if past else line)

    def hear_suspension(self, value: bytes) -> None:
        """Say a suspension; the demo's worker only ever asks for dry runs.

        Weeks pass in seconds here, so it is shown at the time of the events.
        """
        suspension = suspension_of(value)
        if suspension.suspension_id in self.suspended:
            return
        self.suspended[suspension.suspension_id] = suspension.institution
        at_ms, ends_ms = suspension.alerted_ms, suspension.expires_ms
        if ends_ms is not None:
            ends_ms += at_ms - suspension.requested_ms
        line = measure_line(replace(suspension, at_ms=at_ms, expires_ms=ends_ms))
        self._say(_dimmed(line) if at_ms < self._live_from_ms else line)

    def hear_reference(self, value: bytes) -> None:
        """Note from which day the latest peer reference holds."""
        message = decode_message(value)
        if isinstance(message, DayReference):
            self.reference_day = max(self.reference_day, message.day)


def _dimmed(line: Line) -> Line:
    return Line(text=line.text, style="dim")
