"""What a third institution explains: classes that never meet, cohorts that everybody studies."""

import pytest
from pyroaring import BitMap64

from detectors.models.collusion.witnesses import explains_apart, explains_together
from tests.detectors.collusion.worlds import BLOCKS, COHORT_SIZE, parts, recent, sample

WOMEN = sample(50_000, seed=3)
MEN = BitMap64(range(COHORT_SIZE)) - WOMEN


def some(people: BitMap64, step: int) -> BitMap64:
    """Return every so many of them."""
    return BitMap64(list(people)[::step])


def test_a_study_of_women_explains_that_men_and_women_never_meet() -> None:
    """Its holdings know one side and avoid the other."""
    first, other = recent(some(WOMEN, 10)), recent(some(MEN, 10), institution="south")
    blind = recent(BitMap64(), before=sample(30_000, seed=8), institution="west")
    assert explains_apart(first, other, [blind], BLOCKS) is None
    knowing = recent(BitMap64(), before=some(WOMEN, 3), institution="west")
    assert explains_apart(first, other, [knowing], BLOCKS) == "west"
    assert explains_apart(other, first, [knowing], BLOCKS) == "west"


def test_a_scattered_list_has_no_witness() -> None:
    """Whoever knows half of everybody knows both parts alike."""
    first, other, _ = parts(3)
    witness = recent(BitMap64(), before=sample(50_000, seed=9), institution="west")
    pair = recent(first), recent(other, institution="south")
    assert explains_apart(*pair, [witness], BLOCKS) is None


def test_a_confederate_with_a_handful_explains_nothing() -> None:
    """A witness must have held a tenth of the set before: that costs him the theft himself."""
    first, other, _ = parts(3)
    bought = recent(BitMap64(), before=some(first, 20), institution="west")
    pair = recent(first), recent(other, institution="south")
    assert explains_apart(*pair, [bought], BLOCKS) is None


@pytest.mark.parametrize(
    ("step", "witness"), [pytest.param(2, "west", id="half"), pytest.param(40, None, id="few")]
)
def test_a_cohort_that_others_study_is_shared_by_right(step: int, witness: str | None) -> None:
    """Two who share a disease's patients are no ring where a third had these before."""
    patients = sample(6_000, seed=4)
    first = recent(patients | sample(2_000, seed=5))
    other = recent(patients | sample(2_000, seed=6), institution="south")
    third = recent(BitMap64(), before=some(patients, step), institution="west")
    assert explains_together(first, other, [third], BLOCKS) == witness


def test_only_what_a_witness_held_before_counts() -> None:
    """Who takes the same people in the same weeks may be one of them."""
    patients = sample(6_000, seed=4)
    first, other = recent(patients), recent(patients, institution="south")
    assert explains_together(first, other, [recent(patients, institution="west")], BLOCKS) is None
