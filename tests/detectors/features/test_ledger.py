"""What is booked of an event against the caps of its project and its institution."""

import pytest

from detectors.event import AccessEvent
from detectors.features.datasets import DatasetConfig, catalogue_of
from detectors.features.ledger import Ledger
from detectors.features.ledger_state import LedgerState
from detectors.features.windows import AMOUNT_MAX
from detectors.register import Institution, Project
from tests.builders import event, taking

PROJECTS = (
    Project(id="heart", bytes_max=100, participants_max=10),
    Project(id="liver"),
)


def ledger(entry: Institution) -> Ledger:
    """Return a ledger that has booked nothing yet."""
    return Ledger(LedgerState(), entry, datasets_max=4, cohort_size=1_000)


def left(project: str | None, size: int) -> AccessEvent:
    """Return an event of so many bytes and nobody."""
    return event(project=project, bytes=size)


@pytest.mark.parametrize(
    ("entry", "counted"),
    [
        (Institution(id="north", bytes_max=50, projects=PROJECTS), (12, 0, 0, 20)),
        (Institution(id="north", projects=PROJECTS), (12, 0, 0, 0)),
        (Institution(id="north", bytes_max=50), (0, 0, 0, 20)),
        (Institution(id="north"), (0, 0, 0, 0)),
    ],
    ids=["both capped", "a project capped", "the institution capped", "nothing capped"],
)
def test_bytes_are_counted_under_a_cap_and_only_there(
    entry: Institution, counted: tuple[int, ...]
) -> None:
    """By project, and all of them for the institution."""
    books = ledger(entry)
    for project, size in [("heart", 10), ("liver", 5), (None, 3), ("heart", 2)]:
        books.take(left(project, size), at_ms=0)
    projects = ("heart", "liver", "spleen", None)
    assert tuple(books.capped_bytes(project) for project in projects) == counted


def test_bytes_under_a_cap_stop_at_what_can_be_saved() -> None:
    """No sum of absurd events is too large for a saved state."""
    books = ledger(Institution(id="north", bytes_max=50))
    for _ in range(3):
        books.take(left(None, AMOUNT_MAX // 2 + 1), at_ms=0)
    assert books.capped_bytes(None) == AMOUNT_MAX


def test_people_are_booked_for_a_project_that_has_a_cap_on_them() -> None:
    """Each person once; of other projects, and of none, nothing is kept."""
    books = ledger(Institution(id="north", projects=PROJECTS))
    new = []
    for first, project in [(0, "heart"), (3, "heart"), (100, "liver"), (200, None), (0, "heart")]:
        taken = books.take(taking(5, first=first, project=project, id=str(first)), at_ms=0)
        new.append((taken.project_new, taken.new))
    assert new == [(5, 5), (3, 3), (0, 5), (0, 5), (0, 0)]
    projects = ("heart", "liver", "spleen", None)
    held = [books.project_participants(project, "imaging") for project in projects]
    assert held == [8, 0, 0, 0]
    assert list(books.state.projects) == ["heart"]


def test_under_a_cap_people_are_whole() -> None:
    """Those held by name, and those whom files are expected to have brought, rounded down."""
    books = Ledger(
        LedgerState(),
        Institution(id="north", dataset_caps={"imaging": 300}),
        datasets_max=4,
        cohort_size=1_000,
        catalogue=catalogue_of({"imaging": DatasetConfig(people=40)}),
    )
    books.take(taking(10), at_ms=0)
    assert list(books.held_under_caps("imaging")) == [(10, 300)]
    # Of 40 a hundredth was held before.
    books.take(event(files=1), at_ms=0)
    (under,) = books.held_under_caps("imaging")
    assert (under, isinstance(under[0], int)) == ((49, 300), True)
