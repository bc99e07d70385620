"""Readers: files as lines in blocks, packed or not, bounded whatever the file holds."""

import gzip
import io
import random
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import InputError, SinkError
from streams.ingest import readers
from streams.ingest.readers import CutLine, FileSource

LINES_MAX = 64


def lines_of(path: Path, *, line_bytes_max: int = LINES_MAX) -> list[bytes]:
    """Return every line that the reader gives."""
    with FileSource(str(path)) as source:
        return [line for block in source.blocks(line_bytes_max=line_bytes_max) for line in block]


def test_lines_come_in_order_without_their_ends(tmp_path: Path) -> None:
    """Empty ones count, so that a line has its number; the last one needs no end."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\n\n  \ntwo\nthree")
    assert lines_of(path) == [b"one", b"", b"  ", b"two", b"three"]


def test_a_packed_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Its name may say anything."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert lines_of(path) == [b"one", b"two"]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    """Nothing is no failure."""
    path = tmp_path / "empty"
    path.touch()
    assert lines_of(path) == []


def test_of_a_line_beyond_the_limit_its_head_is_kept_with_size_and_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The codec sees that it is too large; the rest is skipped, over many blocks."""
    monkeypatch.setattr(readers, "_BLOCK_BYTES", 16)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a" * 10_000 + b"\nshort\n" + b"b" * 1_000)
    first, second, third = lines_of(path)
    assert (first, second, third) == (b"a" * 64, b"short", b"b" * 64)
    assert isinstance(first, CutLine)
    assert first.rejected().detail == (
        "a line of 10,000 bytes, more than 64; "
        f"BLAKE2b {blake2b(b'a' * 10_000, digest_size=16).hexdigest()}"
    )


def test_an_endless_line_is_read_in_linear_time_and_bounded_memory(tmp_path: Path) -> None:
    """In pieces as small as those of a pipe."""
    path = tmp_path / "endless"
    path.write_bytes(b"a" * 2**26 + b"\nshort")

    class Pipe(FileSource):
        __slots__ = ()

        def _read(self) -> bytes:
            return self._raw.read(4_096)

    with Pipe(str(path)) as source:
        lines = [line for block in source.blocks(line_bytes_max=2**25) for line in block]
    assert [len(line) for line in lines] == [4_096, 5]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_said_at_once(tmp_path: Path, encoding: str) -> None:
    """And no line of it is taken for one."""
    path = tmp_path / "log"
    path.write_bytes("time,who\n".encode(encoding))
    with pytest.raises(InputError, match="convert it to UTF-8"):
        lines_of(path)


@pytest.mark.parametrize("ends", ["a,b\rc,d\re,f\r", "a,b\rc,d\r\ne,f"])
def test_lines_that_end_with_cr_alone_are_said_at_once(tmp_path: Path, ends: str) -> None:
    """They would be one line."""
    path = tmp_path / "log"
    path.write_bytes(ends.encode())
    with pytest.raises(InputError, match="CR alone"):
        lines_of(path)


def test_a_byte_order_mark_costs_no_line(tmp_path: Path) -> None:
    """The first event is an event."""
    path = tmp_path / "log"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert lines_of(path) == [b"one\r", b"two\r"]


def test_a_damaged_packed_file_is_a_failure(tmp_path: Path) -> None:
    """In its middle, whichever of the library's errors that gives."""
    packed = bytearray(gzip.compress(bytes(random.Random(1).randbytes(100_000)).hex().encode()))
    packed[2_000:2_100] = b"\xff" * 100
    path = tmp_path / "log.gz"
    path.write_bytes(packed)
    with pytest.raises(InputError, match="cannot be read to its end"):
        lines_of(path, line_bytes_max=10**6)


@given(
    lines=st.lists(st.binary(max_size=100).filter(lambda line: b"\n" not in line)),
    block_bytes=st.integers(min_value=1, max_value=40),
)
def test_blocks_split_as_one_pass_would(lines: list[bytes], block_bytes: int) -> None:
    """Where a block ends has no effect."""

    class InMemory(FileSource):
        __slots__ = ()

        def __init__(self, content: bytes) -> None:
            self._stream = io.BufferedReader(io.BytesIO(content))

        def _read(self) -> bytes:
            return self._stream.read(block_bytes)

    # What begins otherwise may mean an encoding.
    lines = [b"time", *lines]
    expected = [line[:LINES_MAX] for line in lines]
    if expected and not expected[-1]:
        expected.pop()
    source = InMemory(b"\n".join(lines))
    read_lines = [line for block in source.blocks(line_bytes_max=LINES_MAX) for line in block]
    assert read_lines == expected


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The sentence says which file and why."""
    with pytest.raises(SinkError, match="nowhere: cannot be opened: No such file"):
        FileSource(str(tmp_path / "nowhere"))


def test_a_folder_is_no_input(tmp_path: Path) -> None:
    """A path that is not a file fails with a sentence, not a traceback."""
    with pytest.raises(SinkError, match="cannot be opened"):
        FileSource(str(tmp_path))


def test_a_torn_packed_file_is_a_failure_and_not_its_end(tmp_path: Path) -> None:
    """Half a file must not pass for the whole."""
    path = tmp_path / "torn.gz"
    path.write_bytes(gzip.compress(b"one\n" * 10_000)[:-20])
    with pytest.raises(SinkError, match="cannot be read to its end"):
        lines_of(path)


def test_progress_counts_bytes_as_they_lie_in_the_file(tmp_path: Path) -> None:
    """A progress bar over a packed file ends at its size."""
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"one\n" * 10_000))
    with FileSource(str(path)) as source:
        for _ in source.blocks(line_bytes_max=LINES_MAX):
            pass
        assert source.read_bytes == source.size_bytes == path.stat().st_size
