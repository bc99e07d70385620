"""Step 1 of 7: files and standard input -> lines. Bounded in memory, at most a block ahead.

Lines come in blocks because a block splits a hundred times faster than a loop reads lines, and
because progress need only be told once a block. A line beyond the limit is cut, so that the codec
rejects it as too large; the rest of it is skipped, whatever its length.
"""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

from detectors.errors import SinkError

STANDARD_INPUT: Final = "-"
TOPIC_PREFIX: Final = "kafka:"
_BLOCK_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"


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
        if self._raw.peek(2)[:2] == _GZIP_MAGIC:
            self._stream = gzip.GzipFile(fileobj=self._raw, mode="rb")  # type: ignore[assignment]

    @property
    def read_bytes(self) -> int:
        """Return how many bytes of the file have been read, packed as they lie there."""
        return self._raw.tell() if self.size_bytes is not None else 0

    def blocks(self, *, line_bytes_max: int) -> Iterator[list[bytes]]:
        """Yield the lines without their ends, in blocks.

        Raises:
            SinkError: it cannot be read to its end.
        """
        tail = b""
        skipping = False
        while block := self._read():
            head, *lines = block.split(b"\n")
            if not skipping:
                tail += head
            if lines:
                whole = [tail, *lines[:-1]]
                tail, skipping = lines[-1], False
                yield _cut(whole, line_bytes_max)
            if len(tail) > line_bytes_max:
                tail, skipping = tail[: line_bytes_max + 1], True
        if tail:
            yield _cut([tail], line_bytes_max)

    def _read(self) -> bytes:
        try:
            # What has arrived is enough: a pipe is judged as it flows.
            return self._stream.read1(_BLOCK_BYTES)  # type: ignore[attr-defined, no-any-return]
        except (OSError, EOFError) as error:
            message = f"{self.name}: cannot be read to its end: {error}"
            raise SinkError(message) from error

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
        return io.BufferedReader(io.FileIO(0, closefd=False), _BLOCK_BYTES), None
    path = Path(name)
    try:
        size_bytes = path.stat().st_size if path.is_file() else None
        return io.BufferedReader(io.FileIO(path), _BLOCK_BYTES), size_bytes
    except OSError as error:
        message = f"{name}: cannot be opened: {error.strerror or error}"
        raise SinkError(message) from error


def _cut(lines: list[bytes], line_bytes_max: int) -> list[bytes]:
    return [line if len(line) <= line_bytes_max else line[: line_bytes_max + 1] for line in lines]
