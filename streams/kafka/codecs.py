"""Step 1 of 7: packed bytes -> unpacked ones, whole within a bound, or piece by piece beyond it.

The codecs of Kafka: gzip by Python itself, the others by cramjam, by which aiokafka unpacks too.
What cramjam unpacks in pieces goes through a pipe, for its own objects only take whole frames.
"""

import mmap
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import cramjam

# Returns what is packed, or None where it is more than so many bytes.
Whole = Callable[[bytes, int], bytes | None]
# Yields it piece by piece, in memory for some pieces.
Chunks = Callable[[bytes], Iterator[bytes]]
_Into = bytearray | mmap.mmap | cramjam.File
_UnpackInto = Callable[[bytes, _Into], int]

_CHUNK_BYTES: Final = 2**20
_GZIP_WINDOW_BITS: Final = 31
# Gzip ends with how large it is, unpacked.
_GZIP_SIZE_BYTES: Final = 4
# Kept by each thread that unpacks; nearly every batch has room in it.
_SCRATCH_BYTES: Final = 8 * 2**20
# Java's framing of Snappy: 16 bytes, and then blocks, each with its length before it.
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES: Final = 16
_XERIAL_LENGTH_BYTES: Final = 4
# Three bytes of Snappy stand for at most 64; whoever says that it is more says so falsely.
_SNAPPY_RATIO_MAX: Final = 22

_threads: Final = threading.local()


def gzip_whole(packed: bytes, bytes_max: int) -> bytes | None:
    """Return what gzip has packed, unless it is more than `bytes_max`."""
    if int.from_bytes(packed[-_GZIP_SIZE_BYTES:], "little") > bytes_max:
        # So it says itself; where it says less, that is found out on the way.
        return None
    chunks, size_bytes = [], 0
    for chunk in gzip_chunks(packed):
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > bytes_max:
            return None
    return b"".join(chunks)


def gzip_chunks(packed: bytes) -> Iterator[bytes]:
    """Yield what is packed, piece by piece; there may be several members."""
    while packed:
        member = zlib.decompressobj(_GZIP_WINDOW_BITS)
        while True:
            chunk = member.decompress(packed, _CHUNK_BYTES)
            packed = member.unconsumed_tail
            if chunk:
                yield chunk
            if member.eof:
                break
            if not chunk and not packed:
                message = "a packed batch ends too early"
                raise EOFError(message)
        packed = member.unused_data


def lz4_whole(packed: bytes, bytes_max: int) -> bytes | None:
    """Return what LZ4 has packed, unless it is more than `bytes_max`, or damaged."""
    return _whole(packed, cramjam.lz4.decompress_into, bytes_max)


def lz4_chunks(packed: bytes) -> Iterator[bytes]:
    """Yield what LZ4 has packed, piece by piece."""
    return _piped(packed, cramjam.lz4.decompress_into)


def zstd_whole(packed: bytes, bytes_max: int) -> bytes | None:
    """Return what Zstandard has packed, unless it is more than `bytes_max`, or damaged."""
    return _whole(packed, cramjam.zstd.decompress_into, bytes_max)


def zstd_chunks(packed: bytes) -> Iterator[bytes]:
    """Yield what Zstandard has packed, piece by piece."""
    return _piped(packed, cramjam.zstd.decompress_into)


def snappy_whole(packed: bytes, bytes_max: int) -> bytes | None:
    """Return what Snappy has packed, unless it is more than `bytes_max`."""
    blocks = list(_snappy_blocks(packed))
    if sum(map(cramjam.snappy.decompress_raw_len, blocks)) > bytes_max:
        return None
    return b"".join(map(bytes, map(cramjam.snappy.decompress_raw, blocks)))


def snappy_chunks(packed: bytes) -> Iterator[bytes]:
    """Yield what Snappy has packed, piece by piece; one block is unpacked as a whole."""
    for block in _snappy_blocks(packed):
        size_bytes = cramjam.snappy.decompress_raw_len(block)
        if size_bytes > _SNAPPY_RATIO_MAX * len(block):
            message = f"{len(block)} bytes of Snappy cannot be {size_bytes} bytes"
            raise cramjam.DecompressionError(message)
        with mmap.mmap(-1, max(1, size_bytes)) as memory:
            cramjam.snappy.decompress_raw_into(block, memory)
            for start in range(0, size_bytes, _CHUNK_BYTES):
                yield memory[start : min(start + _CHUNK_BYTES, size_bytes)]


def _snappy_blocks(packed: bytes) -> Iterator[bytes]:
    """Yield the blocks of Java's framing, or all as one block where there is none."""
    if not packed.startswith(_XERIAL_MAGIC):
        yield packed
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(packed):
        begin = at + _XERIAL_LENGTH_BYTES
        at = begin + int.from_bytes(packed[begin - _XERIAL_LENGTH_BYTES : begin], "big")
        yield packed[begin:at]


def _whole(packed: bytes, unpack_into: _UnpackInto, bytes_max: int) -> bytes | None:
    """Return what is unpacked within a buffer; None where it has no room there, or is damaged."""
    if not hasattr(_threads, "scratch"):
        _threads.scratch = bytearray(_SCRATCH_BYTES)
    try:
        size_bytes = unpack_into(packed, _threads.scratch)
        return bytes(memoryview(_threads.scratch)[:size_bytes])
    except cramjam.DecompressionError:
        pass
    # Memory that nothing is written into is none.
    with mmap.mmap(-1, bytes_max) as memory:
        try:
            return memory[: unpack_into(packed, memory)]
        except cramjam.DecompressionError:
            return None


def _piped(packed: bytes, unpack_into: _UnpackInto) -> Iterator[bytes]:
    """Yield what a thread unpacks into a pipe, which holds no more than a few pages."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(_write, packed, unpack_into, writing)
        try:
            while chunk := os.read(reading, _CHUNK_BYTES):
                yield chunk
        finally:
            # Whoever still writes is told that nobody reads any more.
            os.close(reading)
        done.result()


def _write(packed: bytes, unpack_into: _UnpackInto, writing: int) -> None:
    """Unpack into a pipe, and close it, whatever comes."""
    try:
        pipe = cramjam.File(f"/dev/fd/{writing}", read=False, write=True, truncate=False)
        try:
            unpack_into(packed, pipe)
        finally:
            # It is closed by being forgotten, also where a traceback would remember it.
            del pipe
    finally:
        os.close(writing)
