"""Step 1 of 7: a record of which only the head was kept -> why it is rejected."""

from typing import Final

from xxhash import xxh3_128_hexdigest

from streams.ingest.headers import Headers, header_value
from streams.ingest.rejects import Rejected, RejectReason, rejected

# Written by whoever unpacks batches; says how large the value was, with its digest.
CUT_HEADER: Final = "headgate-cut"
HEAD_BYTES: Final = 4_096


def cut_note(size_bytes: int, digest: str) -> bytes:
    """Return what the header says of a value that was cut.

    >>> cut_note(314_572_800, "1a2b")
    b'314,572,800 bytes, XXH128 1a2b'
    """
    return f"{size_bytes:,} bytes, XXH128 {digest}".encode()


def cut_value(value: bytes) -> tuple[bytes, bytes]:
    """Return the head of a value, and what the header says of it."""
    return value[:HEAD_BYTES], cut_note(len(value), xxh3_128_hexdigest(value))


def cut_problem(headers: Headers) -> Rejected | None:
    """Return the reject of a record whose value was cut; None for a whole one."""
    note = header_value(headers, CUT_HEADER)
    if note is None:
        return None
    return rejected(RejectReason.TOO_LARGE, f"a value of {note.decode('utf-8', 'replace')}")
