"""Step 1 of 7: a number as other writers put it down -> the whole number that is meant."""

import re
from typing import Final

# Digits, a fraction, an exponent: bounded, so that no text costs more than its length.
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?")
_FLOAT_EXACT_MAX: Final = 2**53


def whole_number(value: object) -> int | None:
    """Return the whole number that a JSON value stands for; None where it stands for none.

    A fraction is cut. True and false are no numbers.

    >>> [whole_number(value) for value in (500.0, "12", "1.2E4", 7, True, "x", [])]
    [500, 12, 12000, 7, None, None, None]
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value == value and abs(value) != float("inf") else None  # noqa: PLR0124
    if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()) is None:
        return None
    written = value.strip()
    if written.lstrip("+-").isdigit():
        # Exact, however long: an id of twenty digits is no float.
        return int(written)
    number = float(written)
    return int(number) if abs(number) != float("inf") else None
