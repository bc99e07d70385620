"""Step 1 of 7: a packed batch of records -> the same batch, none of its values beyond all bounds.

A record of some hundred megabytes packs into less than one, which any broker takes; unpacked, it
would end the worker, and again after each restart. What lies beyond the bound is read through and
let go: the record keeps its place, its key and the head of its value, and a header of ours says how
large the value is, with a digest of it.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Final

from xxhash import xxh3_128

from streams.ingest.cut_records import CUT_HEADER, HEAD_BYTES, cut_note
from streams.kafka import codecs

# Of one value: as of a line of a file, and of all values of a batch together.
VALUE_BYTES_MAX: Final = 64 * 2**20
BATCH_BYTES_MAX: Final = 96 * 2**20
# Attributes, time, offset, and no key, value or header.
_RECORD_BYTES_MIN: Final = 6
_MORE: Final = 0x80


def install() -> None:
    """Let every client of this process unpack like that."""
    from aiokafka.record import default_records  # noqa: PLC0415 - who reads no topic needs none.

    modules: list[ModuleType] = [default_records]
    try:
        from aiokafka.record._crecords import (  # noqa: PLC0415 - as above
            default_records as compiled,
        )
    except ImportError:
        pass
    else:
        modules.append(compiled)
    for module in modules:
        for name, unpacked in _UNPACKED.items():
            setattr(module, name, unpacked)


def gzip_unpacked(packed: bytes | memoryview) -> bytes:
    """Return the records of a batch packed by gzip, values beyond the bounds cut.

    Raises:
        zlib.error: it is not gzip.
        EOFError: it ends too early.
    """
    return _bounded(bytes(packed), codecs.gzip_whole, codecs.gzip_chunks)


def lz4_unpacked(packed: bytes) -> bytes:
    """Return the records of a batch packed by LZ4, values beyond the bounds cut.

    Raises:
        cramjam.DecompressionError: it is not LZ4.
    """
    return _bounded(packed, codecs.lz4_whole, codecs.lz4_chunks)


def snappy_unpacked(packed: bytes) -> bytes:
    """Return the records of a batch packed by Snappy, values beyond the bounds cut.

    Raises:
        cramjam.DecompressionError: it is not Snappy.
    """
    return _bounded(packed, codecs.snappy_whole, codecs.snappy_chunks)


def zstd_unpacked(packed: bytes) -> bytes:
    """Return the records of a batch packed by Zstandard, values beyond the bounds cut.

    Raises:
        cramjam.DecompressionError: it is not Zstandard.
    """
    return _bounded(packed, codecs.zstd_whole, codecs.zstd_chunks)


def _bounded(packed: bytes, whole: codecs.Whole, chunks: codecs.Chunks) -> bytes:
    """Return what is packed as it is, where there is room for it, and cut otherwise."""
    unpacked = whole(packed, BATCH_BYTES_MAX)
    return _cut(_Stream(chunks(packed))) if unpacked is None else unpacked


_UNPACKED: Final = {
    "gzip_decode": gzip_unpacked,
    "lz4_decode": lz4_unpacked,
    "snappy_decode": snappy_unpacked,
    "zstd_decode": zstd_unpacked,
}


class _Stream:
    """Bytes that are read once, from chunks."""

    __slots__ = ("_at", "_chunk", "_chunks")

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        if self._at == len(self._chunk):
            self._chunk, self._at = next(self._chunks, b""), 0
        return not self._chunk

    def pieces(self, size_bytes: int) -> Iterator[bytes]:
        """Yield the next bytes as they come."""
        while size_bytes > 0:
            if self.is_over:
                message = "a record ends too early"
                raise EOFError(message)
            piece = self._chunk[self._at : self._at + size_bytes]
            self._at += len(piece)
            size_bytes -= len(piece)
            yield piece

    def read(self, size_bytes: int) -> bytes:
        """Return the next bytes."""
        return b"".join(self.pieces(size_bytes))

    def number(self) -> tuple[int, int]:
        """Return a number as Kafka writes it (zigzag, seven bits a byte), and its length."""
        value, length = 0, 0
        while True:
            (byte,) = self.read(1)
            value |= (byte & ~_MORE) << (7 * length)
            length += 1
            if not byte & _MORE:
                return (value >> 1) ^ -(value & 1), length


def _number(value: int) -> bytes:
    """Return a number as Kafka writes it."""
    left = (value << 1) ^ (value >> 63)
    written = bytearray()
    while left >= _MORE:
        written.append((left & ~_MORE & 0xFF) | _MORE)
        left >>= 7
    written.append(left)
    return bytes(written)


def _cut(stream: _Stream) -> bytes:
    """Return the records of a stream, each as it is while there is room, and cut beyond."""
    records: list[bytes] = []
    size_bytes = 0
    while not stream.is_over:
        length, _ = stream.number()
        if length < _RECORD_BYTES_MIN:
            message = f"a record of {length} bytes is none"
            raise EOFError(message)
        is_within = length <= min(VALUE_BYTES_MAX, max(HEAD_BYTES, BATCH_BYTES_MAX - size_bytes))
        body = stream.read(length) if is_within else _cut_record(stream, length)
        records += (_number(len(body)), body)
        size_bytes += len(body)
    return b"".join(records)


def _cut_record(stream: _Stream, length: int) -> bytes:
    """Return a record that is too long, with the heads of its key and value, and our header."""
    attributes = stream.read(1)
    time_delta, time_length = stream.number()
    offset_delta, offset_length = stream.number()
    key, key_length, _ = _head(stream)
    value, value_length, note = _head(stream)
    # Its own headers may be what is large; the reject names the record by its place.
    rest = length - 1 - time_length - offset_length - key_length - value_length
    for _ in stream.pieces(rest):
        pass
    name = CUT_HEADER.encode()
    header = _number(len(name)) + name + _number(len(note)) + note
    return b"".join(
        (attributes, _number(time_delta), _number(offset_delta), key, value, _number(1), header)
    )


def _head(stream: _Stream) -> tuple[bytes, int, bytes]:
    """Return the head of a field as a field, how long all of it is, and what is said of it."""
    size_bytes, number_length = stream.number()
    if size_bytes < 0:
        return _number(size_bytes), number_length, b"no bytes"
    digest, head = xxh3_128(), b""
    for piece in stream.pieces(size_bytes):
        digest.update(piece)
        if len(head) < HEAD_BYTES:
            head += piece[: HEAD_BYTES - len(head)]
    note = cut_note(size_bytes, digest.hexdigest())
    return _number(len(head)) + head, number_length + size_bytes, note
