"""How many distinct ids there are, once they could be more than people."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from detectors.features.distinct_ids import DistinctIds
from detectors.features.ledger_state import LedgerState
from detectors.features.participant_sets import Holding, empty_holding, take


def holding(*ranges: Sequence[int]) -> LedgerState:
    """Return the ledger of an institution that holds some ids, each in a dataset of its own."""
    state = LedgerState()
    for number, people in enumerate(ranges):
        state.holdings[f"d{number}"] = empty_holding()
        take(state.holdings[f"d{number}"], BitMap64(people))
        state.held_participants += len(people)
    return state


@pytest.mark.parametrize(
    ("ledgers", "count"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([holding(range(100))], 0, id="as many as people"),
        pytest.param([holding(range(101))], 101, id="one more than people"),
        pytest.param([holding(range(80)), holding(range(80))], 0, id="the same people twice"),
        pytest.param([holding(range(60)), holding(range(40, 100))], 0, id="exactly all, together"),
        pytest.param([holding(range(60)), holding(range(40, 101))], 101, id="one more, together"),
        pytest.param([holding(range(60), range(900, 950))], 110, id="in two datasets of one"),
    ],
)
def test_ids_are_counted_once_and_told_beyond_the_cohort(
    ledgers: list[LedgerState], count: int
) -> None:
    """Of a cohort of a hundred, whoever holds them."""
    assert DistinctIds(cohort_size=100).count(ledgers) == count


def test_the_count_is_made_again_once_a_tenth_more_is_held() -> None:
    """Until then the one before is said again."""
    ids = DistinctIds(cohort_size=5)
    counts = [ids.count([holding(range(held))]) for held in (10, 10, 11, 12, 13, 14, 15)]
    assert counts == [10, 10, 11, 11, 13, 13, 15]


def test_a_count_that_was_too_many_may_be_right_again() -> None:
    """More is held, but of the same people: the larger count no longer stands."""
    ids = DistinctIds(cohort_size=100)
    assert ids.count([holding(range(101))]) == 101
    assert ids.count([holding(range(90)), holding(range(90))]) == 0


@given(
    helds=st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=80), min_size=1, max_size=12),
    ids_max=st.integers(1, 40),
)
def test_a_count_in_steps_is_that_in_one_go(helds: list[list[int]], ids_max: int) -> None:
    """However few ids are added at a time, and whoever holds much or little of them."""
    ledgers = [holding(sorted(set(held))) for held in helds]
    whole, steps = DistinctIds(cohort_size=5), DistinctIds(cohort_size=5)
    expected = whole.count(ledgers)
    for _ in range(len(ledgers)):
        counted = steps.count_on(ledgers, ids_max=ids_max)
    assert counted == expected


def test_a_step_ends_after_as_many_ids_as_it_may_add() -> None:
    """Whoever counts a little at a time goes on where it was, whatever is held by then."""
    ids = DistinctIds(cohort_size=5)
    ledgers = [holding(range(10 * n, 10 * n + 10)) for n in range(6)]
    counts = [ids.count_on(ledgers[: 6 - n % 2], ids_max=0.1) for n in range(6)]
    assert counts == [0, 0, 0, 0, 0, 60]


@pytest.mark.parametrize("is_base", [True, False])
def test_what_a_step_costs_is_added_up(*, is_base: bool) -> None:
    """To join a ledger of 32 costs one, the next two, the third three: after three it ends."""
    ledgers = []
    for place in range(3):
        people, nobody = BitMap64(range(32 * place, 32 * place + 32)), BitMap64()
        held = Holding(base=people if is_base else nobody, recent=nobody if is_base else people)
        ledgers.append(LedgerState(holdings={"d": held}, held_participants=32))
    ids = DistinctIds(cohort_size=5)
    assert [ids.count_on(ledgers, ids_max=3.0) for _ in range(2)] == [0, 96]
