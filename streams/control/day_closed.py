"""What a partition tells the builder: that it waits for no event of a day any more."""

from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct

from detectors.response.decoding import json_decoder
from detectors.verdict import DailySummary
from streams.kafka.records import OutgoingRecord


class DayClosed(Struct, frozen=True, kw_only=True, tag=True):
    """All days up to `day` are closed in a partition, and their summaries lie before this."""

    partition: int
    day: int
    at_ms: Annotated[int, Meta(description="when Kafka received the record that closed it")]


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(cast("type[DailySummary | DayClosed]", DailySummary | DayClosed))


def closed_record(closed: DayClosed, *, topic: str) -> OutgoingRecord:
    """Return the record of the topic of summaries."""
    return OutgoingRecord(topic=topic, key=b"%d" % closed.partition, value=_encode(closed))


def read_summary(raw: bytes | None) -> DailySummary | DayClosed:
    """Return what a record of the topic of summaries says.

    Raises:
        msgspec.DecodeError: it is not ours.
    """
    return _decode(raw or b"")
