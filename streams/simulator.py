"""Canonical events to Kafka, as a platform would send them: keyed by institution, in order."""

from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from detectors.errors import SinkError
from detectors.event import AccessEvent

_CLOSE_SECONDS_MAX: Final = 30.0
_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 256 * 1024


class EventProducer:
    """Sends events to one topic; leaving the block waits until the broker has them all."""

    __slots__ = ("_encoder", "_failure", "_producer", "_topic")

    def __init__(self, bootstrap: str, *, topic: str) -> None:
        """Connect to the broker at `bootstrap`."""
        self._encoder = msgspec.json.Encoder()
        self._topic = topic
        self._failure: BaseException | None = None
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap,
                acks="all",
                enable_idempotence=True,
                linger_ms=_LINGER_MS,
                batch_size=_BATCH_BYTES,
            )
        except KafkaError as error:
            message = f"no Kafka at {bootstrap}: {error}"
            raise SinkError(message, recoverable=True) from error

    def send(self, event: AccessEvent) -> None:
        """Queue one event under its institution."""
        self.send_bytes(self._encoder.encode(event), key=event.institution.encode())

    def send_bytes(self, value: bytes, *, key: bytes | None) -> None:
        """Queue a record as it is."""
        try:
            future = self._producer.send(self._topic, value=value, key=key)
        except KafkaError as error:
            message = f"{self._topic}: {error}"
            raise SinkError(message, recoverable=True) from error
        future.add_errback(self._failed)

    def flush(self) -> None:
        """Wait until the broker has everything sent so far."""
        self._producer.flush(timeout=_CLOSE_SECONDS_MAX)
        if self._failure is not None:
            message = f"{self._topic}: not everything arrived: {self._failure}"
            raise SinkError(message, recoverable=True)

    def _failed(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._producer.close(timeout=_CLOSE_SECONDS_MAX if kind is None else 0)


def send(events: Iterable[AccessEvent], *, bootstrap: str, topic: str) -> None:
    """Send all of `events` and wait until they have arrived."""
    with EventProducer(bootstrap, topic=topic) as producer:
        for event in events:
            producer.send(event)
