"""Step 1 of 7: the frame of a schema registry -> what lies in it.

Serializers of a registry put a byte 0 and the schema's id of four bytes before what they write.
JSON within is read; Avro or Protobuf is not, and the reject says so.
"""

from typing import Final

FRAME_BYTE: Final = b"\0"
_FRAME_BYTES: Final = 5


def unframed(raw: bytes) -> bytes:
    r"""Return what follows the frame; of what has none, all.

    >>> unframed(b"\x00\x00\x00\x00\x07{}"), unframed(b"{}")
    (b'{}', b'{}')
    """
    return raw[_FRAME_BYTES:] if raw.startswith(FRAME_BYTE) else raw


def frame_name(raw: bytes) -> str:
    """Return what the frame is, for who reads a dead letter."""
    schema_id = int.from_bytes(raw[1:_FRAME_BYTES], "big")
    return f"a frame of a schema registry (schema {schema_id})"
