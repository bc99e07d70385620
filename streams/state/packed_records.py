"""Saved records by institution, packed: a name that came once costs some hundred bytes.

The state topic cannot be asked for one key, so what it says is kept; small states differ from one
another in little, and are kept without what they have in common.
"""

import struct
import zlib
from collections.abc import Iterator, MutableMapping
from typing import Final, NamedTuple

# A state of some weeks is larger: those are few, and are kept as they are.
_PACKED_BYTES_MAX: Final = 4_096
_RAW_WINDOW_BITS: Final = -15
_COMPRESSION_LEVEL: Final = 1
_OFFSET: Final = struct.Struct(">q?")


class SavedRecord(NamedTuple):
    """A record of the state topic: what it contains everything up to, and its bytes.

    For a state the offset is that of its last event; for a partition record, that of the next one.
    """

    offset: int
    payload: bytes


class PackedRecords(MutableMapping[str, SavedRecord]):
    """A dictionary of records that costs less.

    >>> records = PackedRecords()
    >>> records["north"] = SavedRecord(7, b"state")
    >>> records["north"]
    SavedRecord(offset=7, payload=b'state')
    """

    __slots__ = ("_packed", "_template")

    def __init__(self) -> None:
        """Keep nothing."""
        self._packed: dict[str, bytes] = {}
        # The first small payload: others differ from it in little.
        self._template = b""

    def offset(self, institution: str) -> int | None:
        """Return what a record contains everything up to; None where there is none."""
        packed = self._packed.get(institution)
        return None if packed is None else int(_OFFSET.unpack_from(packed)[0])

    def __getitem__(self, institution: str) -> SavedRecord:
        """Return a record as it was."""
        packed = self._packed[institution]
        offset, is_packed = _OFFSET.unpack_from(packed)
        payload = packed[_OFFSET.size :]
        if is_packed:
            unpacker = zlib.decompressobj(_RAW_WINDOW_BITS, zdict=self._template)
            payload = unpacker.decompress(payload)
        return SavedRecord(offset, payload)

    def __setitem__(self, institution: str, saved: SavedRecord) -> None:
        """Keep a record in place of the one before."""
        payload, is_packed = saved.payload, 0 < len(saved.payload) <= _PACKED_BYTES_MAX
        if is_packed:
            self._template = self._template or payload
            packer = zlib.compressobj(
                _COMPRESSION_LEVEL, wbits=_RAW_WINDOW_BITS, zdict=self._template
            )
            payload = packer.compress(payload) + packer.flush()
        self._packed[institution] = _OFFSET.pack(saved.offset, is_packed) + payload

    def __delitem__(self, institution: str) -> None:
        """Forget a record."""
        del self._packed[institution]

    def __contains__(self, institution: object) -> bool:
        """Tell whether there is a record."""
        return institution in self._packed

    def __iter__(self) -> Iterator[str]:
        """Iterate over the institutions."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed)
