"""How many of those who were only counted are expected to be new, of whom, and in which class."""

import pytest
from pyroaring import BitMap64

from detectors.features.class_totals import ClassTotals
from detectors.features.datasets import DatasetConfig, catalogue_of
from detectors.features.ledger_state import LedgerState
from detectors.features.occupancy import PERSON_UNITS
from detectors.features.participant_sets import empty_holding, take

CATALOGUE = catalogue_of({"genomes": DatasetConfig(class_name="genome")})


def totals_of(state: LedgerState, *, classed: bool = False) -> ClassTotals:
    """Return the totals of a ledger in a cohort of a thousand."""
    catalogue = CATALOGUE if classed else catalogue_of({})
    return ClassTotals(state, catalogue, cohort_size=1_000, has_spaces=False)


def holding(**held: int) -> LedgerState:
    """Return the ledger of an institution that holds so many people of each dataset by name."""
    state = LedgerState()
    for dataset, count in held.items():
        state.holdings[dataset] = empty_holding()
        take(state.holdings[dataset], BitMap64(range(count)))
        state.held_participants += count
    return state


@pytest.mark.parametrize(("size", "others_new"), [(1_000, 240), (500, 400)])
def test_whoever_is_read_of_the_whole_cohort_may_be_held_of_another_dataset(
    size: int, others_new: int
) -> None:
    """Of a part of the cohort only what was read of that part counts, once for each reading."""
    totals = totals_of(LedgerState())
    assert totals.add_counted("images", 600, "", size=1_000) == 600
    assert totals.add_counted("plates", 600 if size == 1_000 else 400, "", size=size) == others_new


def test_whoever_is_held_of_a_part_by_name_is_not_new_in_it() -> None:
    """Nor is who was expected to be read of it before."""
    totals = totals_of(holding(plates=200))
    assert totals.add_counted("plates", 250, "", size=500) == 150
    assert totals.add_counted("plates", 250, "", size=500) == 75
    assert totals.add_counted("strips", 500, "", size=500) == 500


def test_whoever_is_held_of_a_class_is_not_new_in_it() -> None:
    """And new in every other."""
    totals = totals_of(holding(genomes=200), classed=True)
    assert totals.add_counted("genomes", 500, "genome", size=1_000) == 400
    assert totals.add_counted("images", 500, "", size=1_000) == 500
    assert totals.taken_participants == 1_100


def test_what_is_expected_is_saved_to_the_millionth_of_a_person() -> None:
    """By dataset, and added up over its readings."""
    state = LedgerState()
    totals = totals_of(state)
    totals.add_counted("images", 1_000, "", size=1_000)
    assert state.estimated == {"images": 1_000 * PERSON_UNITS}
    totals.add_counted("plates", 250, "", size=500)
    totals.add_counted("plates", 250, "", size=500)
    assert state.estimated == {
        "images": 1_000 * PERSON_UNITS,
        "plates": 375 * PERSON_UNITS,
    }
    totals.add_counted("strips", 500, "", size=500)
    assert state.estimated["strips"] == 500 * PERSON_UNITS


def test_what_is_expected_goes_on_after_a_restart() -> None:
    """In its class; and where nobody is expected, people are counted as they are."""
    state = LedgerState()
    before = totals_of(state, classed=True)
    before.add_counted("genomes", 600, "genome", size=1_000)
    after = totals_of(state, classed=True)
    assert after.taken_participants == before.taken_participants == 600
    assert after.add_counted("genomes", 600, "genome", size=1_000) == 240
    assert after.add_counted("images", 600, "", size=1_000) == 600
    assert [totals_of(each).plain for each in (LedgerState(), state)] == [True, False]
