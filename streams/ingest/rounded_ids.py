"""Step 1 of 7: ids of 64 bits -> whether a JSON writer that knows only doubles has rounded them.

jq 1.6, Node and every writer in JavaScript keep 53 bits of a number: longer ids come out as other
people's, and a re-reading of known people as a theft of unknown ones. Rounded ids end in zeros, in
binary or, of the seventeen digits that name a double, in decimal. An id does so by chance
too, once in two thousand where it has 64 bits, so that several must agree.
"""

from collections.abc import Sequence
from typing import Final

# What a double holds, and how many digits tell all doubles apart.
_EXACT_BITS: Final = 53
_DIGITS: Final = 17
# A number of seventeen digits may be written in full and be rounded all the same: it tells nothing.
_TELLING_MIN: Final = 10**_DIGITS
# The chance that honest ids look rounded is 2 to the minus this.
_EVIDENCE_BITS_MIN: Final = 24
ROUNDED: Final = (
    "all ids beyond 2^53 end in zeros: a JSON writer has rounded them (jq 1.6, Node); "
    "write ids as decimal text"
)


def are_rounded(ids: Sequence[int]) -> bool:
    """Tell whether ids beyond 2^53 were rounded to doubles, all of them.

    >>> ids = [18002307717899490607, 11400714819323198485, 14029467366897019727]
    >>> are_rounded(ids), are_rounded([int(float(number)) for number in ids])
    (False, True)
    >>> are_rounded([18002307717899491000, 11400714819323199000, 14029467366897020000])
    True
    """
    evidence_bits = 0
    for number in ids:
        if number < _TELLING_MIN:
            continue
        # Mostly the first one tells that nothing was rounded.
        bits = _evidence_bits(number)
        if not bits:
            return False
        evidence_bits += bits
    return evidence_bits >= _EVIDENCE_BITS_MIN


def _evidence_bits(number: int) -> int:
    """Return by how many bits a number is rounder than it need be; 0 if it was not rounded."""
    if int(float(number)) == number:
        return number.bit_length() - _EXACT_BITS
    zeros = len(str(number)) - _DIGITS
    # A digit of zero is worth three bits and more.
    return 3 * zeros if zeros > 0 and number % 10**zeros == 0 else 0
