"""Which pairs are compared anew, and which group bears a sign."""

from msgspec.structs import replace

from detectors.models.collusion.signs import Pairs
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
