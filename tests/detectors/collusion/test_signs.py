"""Which pairs are compared anew, and how much of a sign a pair bears."""

import pytest
from msgspec.structs import replace
from pyroaring import BitMap64

from detectors.models.collusion.junctions import Borders
from detectors.models.collusion.overlap import log_tail
from detectors.models.collusion.signs import Pairs, Signs
from tests.detectors.collusion.worlds import BLOCKS, parts, recent


def test_a_pair_is_compared_again_once_one_has_changed_or_was_forgotten() -> None:
    """In whichever order the two are named; what is known of others stays."""
    pairs = Pairs(BLOCKS)
    first, other, third = (
        recent(part, institution=name)
        for name, part in zip(("east", "north", "south"), parts(3), strict=True)
    )
    apart = pairs.overlap(first, other)
    assert apart.z < -8.0
    alike = replace(first, new=other.new, counts=other.counts)
    assert pairs.overlap(other, alike) == apart
    assert pairs.overlap(alike, third) == pairs.overlap(first, third)
    pairs.forget("south")
    assert pairs.overlap(alike, other) == apart
    pairs.forget("north")
    assert pairs.overlap(alike, other).z > 8.0
    assert pairs.overlap(first, other).z > 8.0
    assert pairs.overlap(replace(first, version=first.version + 1), other) == apart


@pytest.mark.parametrize(
    ("shared", "is_sign"), [(49, False), (50, True), (450, True), (451, False)]
)
def test_to_share_is_a_sign_from_a_twentieth_to_nearly_half(shared: int, *, is_sign: bool) -> None:
    """Of the smaller one's people: who shares more studies the same, who shares less risks it."""
    pairs = Pairs(BLOCKS)
    signs = Signs(BLOCKS, pairs, Borders())
    first = recent(BitMap64(range(0, 100_000, 100)))
    own = range(50, 100_000, 50)
    people = BitMap64([*range(0, 100 * shared, 100), *[each for each in own if each % 100]])
    other = recent(people, institution="south")
    log_p = signs._log_p_together(first, other)
    assert log_p == (log_tail(-pairs.overlap(first, other).z) if is_sign else 0.0)
    assert is_sign == (log_p < 0.0)
