"""Step 1: whatever happens to a message or a row, it is accepted, judged in part or rejected."""

import pytest

from tests.faults.spoilt import FORMS, mapping, outcomes, tally

MESSAGES = 1_500


@pytest.mark.parametrize("form", FORMS)
def test_each_spoilt_message_is_accounted_for(form: str) -> None:
    """And of most of those that are rejected one still knows whose they are."""
    counts = tally(outcomes(MESSAGES, seed=14, form=form))
    assert counts.total() == MESSAGES
    assert min(counts[outcome] for outcome in ("accepted", "in part")) > MESSAGES // 20
    assert counts["rejected of nobody"] < counts["rejected of somebody"]


def test_the_same_seed_spoils_alike() -> None:
    """What one run finds, another can look at."""
    first, second = (list(outcomes(50, seed=3, form="csv")) for _ in range(2))
    assert first == second


def test_a_row_of_too_many_cells_is_still_somebodys() -> None:
    """A comma in the name of a client moves nothing that stands before it."""
    row = b"e,1775044800000,north,u,query,imaging,1,1,3,success,Mozilla (KHTML, like Gecko)"
    reject = mapping("csv").row(row, "log", 1)
    assert getattr(reject, "institution", None) == "north"
