"""Control records: what every judge of a partition must see, in the partition's own order.

They lie among the access events, one in each partition, so that a judge's state stays a function
of its partition's log: the worker and a replay of the topic adopt a reference at the same event.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from detectors.errors import StateError
from detectors.reference import Reference
from streams.rejects import Rejected, RejectReason, rejected

CONTROL_HEADER: Final = "headgate-control"
REFERENCE: Final = "reference"
# A few groups, windows and tails are some kilobytes; a megabyte is no reference of ours.
REFERENCE_BYTES_MAX: Final = 1_048_576

_decoder: Final = msgspec.json.Decoder(Reference)


def control_kind(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """Return what kind of control record these headers announce, None for an event."""
    for name, value in headers:
        if name == CONTROL_HEADER:
            return (value or b"").decode(errors="replace")
    return None


def control_headers(kind: Literal["reference"]) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that announce a control record."""
    return ((CONTROL_HEADER, kind.encode()),)


def encode_reference(reference: Reference) -> bytes:
    """Return a reference as the value of a control record; the same one, the same bytes."""
    return msgspec.json.encode(reference, order="sorted")


def decode_reference(raw: bytes | None) -> Reference | Rejected:
    """Return the reference in a control record, or why there is none."""
    if not raw:
        return rejected(RejectReason.EMPTY_VALUE, "expected a reference, got no bytes")
    if len(raw) > REFERENCE_BYTES_MAX:
        detail = f"a reference of {len(raw)} bytes, more than {REFERENCE_BYTES_MAX}"
        return rejected(RejectReason.TOO_LARGE, detail)
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        return rejected(RejectReason.WRONG_TYPE, f"reference: {error}")
    except msgspec.DecodeError as error:
        return rejected(RejectReason.NOT_JSON, f"reference: {error}")


def saved_reference(context: bytes) -> Reference | None:
    """Return the reference that a partition had adopted by its barrier, None for none yet."""
    if not context:
        return None
    reference = decode_reference(context)
    if isinstance(reference, Rejected):
        message = f"the barrier's reference is damaged: {reference.detail}"
        raise StateError(message)
    return reference
