"""A pushed configuration as the value of a control record, and back; what cannot hold is refused.

Worker, replay and explanation read it here, so that all of them refuse the same.
"""

from typing import Final

import msgspec

from detectors.config import CoreConfig
from detectors.config_schedule import Scheduled, incompatibility, refuse_oversize
from detectors.errors import ConfigError
from detectors.response.decoding import json_decoder
from streams.ingest.rejects import Rejected, RejectReason, rejected

CONFIG: Final = "config"

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(Scheduled)


def encode_scheduled(scheduled: Scheduled) -> bytes:
    """Return a pushed configuration as bytes; the same one, the same bytes."""
    return _encode(scheduled)


def decode_scheduled(raw: bytes, *, base: CoreConfig) -> Scheduled | Rejected:
    """Return the configuration in a record; or why judges whose file says `base` refuse it."""
    try:
        refuse_oversize(raw)
        scheduled = _decode(raw)
    except (msgspec.DecodeError, ConfigError) as error:
        return _refused(str(error))
    problem = incompatibility(scheduled.config, base=base)
    return scheduled if problem is None else _refused(problem)


def _refused(problem: str) -> Rejected:
    return rejected(RejectReason.CONFIG_INVALID, f"configuration: {problem}")
