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


def test_whoever_knows_or_avoids_one_side_alone_explains_nothing() -> None:
    """Of the other side as many are held as by chance; the next witness is asked all the same."""
    first, other = recent(some(WOMEN, 10)), recent(some(MEN, 10), institution="south")
    everybody = sample(30_000, seed=8)
    knows = recent(BitMap64(), before=everybody | some(first.new, 2), institution="west")
    avoids = recent(BitMap64(), before=everybody - first.new, institution="west")
    blind = recent(BitMap64(), before=everybody, institution="east")
    knowing = recent(BitMap64(), before=some(WOMEN, 3), institution="west")
    for witness in (knows, avoids):
        for pair in ((first, other), (other, first)):
            assert explains_apart(*pair, [witness], BLOCKS) is None
    assert explains_apart(first, other, [blind, knows, avoids, knowing], BLOCKS) == "west"


def test_of_two_only_what_they_share_is_asked_for() -> None:
    """Whoever held what each has for itself explains nothing of what both have."""
    patients = sample(6_000, seed=4)
    mine, yours = sample(6_000, seed=5) - patients, sample(6_000, seed=6) - patients
    first = recent(patients | mine)
    other = recent(patients | yours, institution="south")
    third = recent(BitMap64(), before=mine | yours, institution="west")
    assert explains_together(first, other, [third], BLOCKS) is None


@pytest.mark.parametrize(("held", "witness"), [(55, None), (56, "west")])
def test_who_held_half_as_many_again_as_by_chance_explains_it(
    held: int, witness: str | None
) -> None:
    """Both sides begin with five; of 70 who are shared half would be held by chance."""
    shared = [256 * block + place for block in range(35) for place in (0, 1)]
    seen = [*shared[::2], *shared[1::2]][:held]
    others = [256 * block + place for block in range(35) for place in range(2, 130)]
    known = [*seen]
    for block in range(35):
        own = [each for each in seen if each // 256 == block]
        known += [each for each in others if each // 256 == block][: 128 - len(own)]
    first, other = recent(BitMap64(shared)), recent(BitMap64(shared), institution="south")
    third = recent(BitMap64(), before=BitMap64(known), institution="west")
    assert explains_together(first, other, [third], BLOCKS) == witness


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
