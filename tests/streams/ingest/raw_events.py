"""An event as it comes from Kafka, for tests to spoil."""

import msgspec

from detectors.config import CohortConfig
from streams.ingest.codec import (
    DecodeConfig,
    decode_limits,
)

LIMITS = decode_limits(DecodeConfig(), CohortConfig(size=500_000))


NOON_MS = 1_775_044_800_000


HOUR_MS = 3_600_000


def raw_event(**changes: object) -> bytes:
    """Return a good event as JSON; a key given as None is left out."""
    event: dict[str, object] = {
        "id": "e-1",
        "time": NOON_MS,
        "institution": "northgate",
        "dataset": "imaging",
        **changes,
    }
    return msgspec.json.encode({key: value for key, value in event.items() if value is not None})


def with_text(text: str) -> bytes:
    """Return a good event with one more key and value, given as JSON text."""
    return raw_event()[:-1] + b"," + text.encode() + b"}"
