"""Step 1 of 7: the text of a cell -> a count, names, participants.

Rejects are raised here, and become values one level up, in the mapping.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from streams.ingest.adapters.cells import Cell, RejectedError
from streams.ingest.rejects import RejectReason

Convert = Callable[[Cell], object]

_HASH_BYTES: Final = 8
# 2**64 has twenty digits; a longer number is rejected before it is parsed.
_DIGITS_MAX: Final = 20


def participant_hash(name: str) -> int:
    """Return the 64-bit id of a participant known by a string.

    The same in every process and release: BLAKE2b of 8 bytes, big-endian. Among n participants
    the probability that any two share an id is at most n^2 / 2^65: 7e-9 for half a million.

    >>> participant_hash("c1584509")
    18002307717899490607
    """
    digest = blake2b(name.encode("utf-8", "replace"), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "big")


def text(cell: Cell) -> object:
    """Return one text; None for an empty cell."""
    if isinstance(cell, list):
        raise RejectedError(RejectReason.WRONG_TYPE, "expected one text, got a list")
    return str(cell) or None


def count(cell: Cell) -> int | None:
    """Return a count; None for an empty cell.

    >>> count("1234"), count("")
    (1234, None)
    """
    if isinstance(cell, int):
        return cell
    if cell == "":
        return None
    if isinstance(cell, list) or not (cell.isascii() and cell.isdigit()):
        raise RejectedError(RejectReason.WRONG_TYPE, f"expected a count, got {cell!r}")
    if len(cell) > _DIGITS_MAX:
        raise RejectedError(RejectReason.OUT_OF_RANGE, f"a count of {len(cell)} digits")
    return int(cell)


def names_reader(separator: str | None) -> Callable[[Cell], list[str]]:
    """Return what reads a cell as names: a list as it is, a text split at `separator`."""

    def read(cell: Cell) -> list[str]:
        if isinstance(cell, list):
            cells = cell
        else:
            cells = str(cell).split(separator) if separator else [str(cell)]
        return [name for name in cells if name]

    return read


def participants_reader(separator: str | None, *, hashed: bool) -> Convert:
    """Return what reads whose data left: by hash of their names, or by position.

    >>> participants_reader(";", hashed=False)("17;4")
    {'ids': [17, 4]}
    """
    names = names_reader(separator)

    def read(cell: Cell) -> object:
        cells = names(cell)
        if not cells:
            return None
        return {"ids": [participant_hash(name) if hashed else count(name) for name in cells]}

    return read
