"""Step 1 of 7: files and standard input -> lines. Bounded in memory, at most a block ahead.

Lines come in blocks because a block splits a hundred times faster than a loop reads lines, and
because progress need only be told once a block. Of a line beyond the limit only its head is kept,
with its size and a digest; reading goes on after it.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, Self

from detectors.errors import InputError, SinkError
from streams.ingest.rejects import Rejected, RejectReason, rejected

STANDARD_INPUT: Final = "-"
TOPIC_PREFIX: Final = "kafka:"
_BLOCK_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
# Enough bytes to know an encoding by: two characters of UTF-16.
_ENCODED_BYTES_MIN: Final = 4
_HEAD_BYTES: Final = 4_096
_DIGEST_BYTES: Final = 16


class CutLine(bytes):
    """The head of a line beyond the limit: what can be kept of it."""

    detail: str

    def rejected(self) -> Rejected:
        """Return the reject of the line, with its size and digest."""
        return rejected(RejectReason.TOO_LARGE, self.detail)


class _OpenLine:
    """A line that grows piece by piece, and is joined once: an endless one costs no more."""

    __slots__ = ("_bytes_max", "_digest", "_pieces", "size_bytes")

    def __init__(self, begins: bytes, *, bytes_max: int) -> None:
        self.size_bytes = 0
        self._bytes_max = bytes_max
        self._pieces: list[bytes] = []
        self._digest: blake2b | None = None
        self.add(begins)

    def add(self, piece: bytes) -> None:
        """Take more of the line."""
        self.size_bytes += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
            return
        self._pieces.append(piece)
        if self.size_bytes > self._bytes_max:
            begins = b"".join(self._pieces)
            self._digest = blake2b(begins, digest_size=_DIGEST_BYTES)
            self._pieces = [begins[: min(_HEAD_BYTES, self._bytes_max)]]

    def whole(self) -> bytes:
        """Return the line, or what is kept of one beyond the limit."""
        joined = b"".join(self._pieces)
        if self._digest is None:
            return joined
        line = CutLine(joined)
        line.detail = (
            f"a line of {self.size_bytes:,} bytes, more than {self._bytes_max:,}; "
            f"BLAKE2b {self._digest.hexdigest()}"
        )
        return line


class FileSource:
    """One input as a stream of bytes that knows how far it has been read."""

    __slots__ = ("_raw", "_stream", "name", "size_bytes")

    def __init__(self, name: str) -> None:
        """Open `name`: a path, or `-` for standard input; gz is recognised by its first bytes.

        Raises:
            SinkError: it cannot be opened.
        """
        self.name = name
        self._raw, self.size_bytes = _opened(name)
        self._stream: BinaryIO = self._raw
        try:
            is_packed = self._raw.peek(2)[:2] == _GZIP_MAGIC
        except OSError as error:
            message = f"{name}: cannot be read: {error.strerror or error}"
            raise InputError(message) from error
        if is_packed:
            self._stream = gzip.GzipFile(fileobj=self._raw, mode="rb")  # type: ignore[assignment]

    @property
    def read_bytes(self) -> int:
        """Return how many bytes of the file have been read, packed as they lie there."""
        return self._raw.tell() if self.size_bytes is not None else 0

    def blocks(self, *, line_bytes_max: int) -> Iterator[list[bytes]]:
        """Yield the lines without their ends, in blocks; of one beyond the limit a `CutLine`.

        Raises:
            SinkError: it cannot be read to its end, or is no text of lines in UTF-8.
        """
        line = _OpenLine(b"", bytes_max=line_bytes_max)
        is_first = True
        for block in self._text_blocks():
            head, *lines = block.split(b"\n")
            line.add(head)
            if not lines:
                continue
            whole = [line.whole(), *_cut(lines[:-1], line_bytes_max)]
            line = _OpenLine(lines[-1], bytes_max=line_bytes_max)
            if is_first:
                self._check_ends(whole[0])
                is_first = False
            yield whole
        if line.size_bytes:
            last = line.whole()
            if is_first:
                self._check_ends(last)
            yield [last]

    def _text_blocks(self) -> Iterator[bytes]:
        """Yield what is read, after a look at its beginning."""
        block = self._read()
        while 0 < len(block) < _ENCODED_BYTES_MIN and (more := self._read()):
            block += more
        # An ASCII character is a byte and a zero, in either order.
        if block.startswith(_UTF_16_MARKS) or block[:_ENCODED_BYTES_MIN].count(0) > 1:
            message = f"{self.name}: this is UTF-16 or UTF-32: convert it to UTF-8"
            raise InputError(message)
        block = block.removeprefix(_BYTE_ORDER_MARK)
        while block:
            yield block
            block = self._read()

    def _check_ends(self, first_line: bytes) -> None:
        """Raise where the first line holds other ones, ended by CR alone."""
        if b"\r" in first_line.rstrip(b"\r") and first_line.isascii():
            message = f"{self.name}: its lines end with CR alone: convert them to LF"
            raise InputError(message)

    def _read(self) -> bytes:
        try:
            # What has arrived is enough: a pipe is judged as it flows.
            return self._stream.read1(_BLOCK_BYTES)  # type: ignore[attr-defined, no-any-return]
        except (OSError, EOFError, zlib.error) as error:
            message = f"{self.name}: cannot be read to its end: {error}"
            raise InputError(message) from error

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(name: str) -> tuple[io.BufferedReader, int | None]:
    if name == STANDARD_INPUT:
        try:
            return io.BufferedReader(io.FileIO(0, closefd=False), _BLOCK_BYTES), None
        except OSError as error:
            message = f"standard input cannot be read: {error.strerror or error}"
            raise InputError(message) from error
    path = Path(name)
    try:
        size_bytes = path.stat().st_size if path.is_file() else None
        return io.BufferedReader(io.FileIO(path), _BLOCK_BYTES), size_bytes
    except OSError as error:
        message = f"{name}: cannot be opened: {error.strerror or error}"
        raise SinkError(message) from error


def _cut(lines: list[bytes], line_bytes_max: int) -> list[bytes]:
    return [
        line if len(line) <= line_bytes_max else _OpenLine(line, bytes_max=line_bytes_max).whole()
        for line in lines
    ]
