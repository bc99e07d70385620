"""What is booked of an event against the caps of its project and its institution."""

import pytest
from msgspec.structs import replace

from detectors.event import AccessEvent, Participants
from detectors.features.datasets import DatasetConfig, catalogue_of
from detectors.features.ledger import Ledger, Taken
from detectors.features.ledger_state import OF_CLASS, OTHER_DATASETS, LedgerState
from detectors.features.windows import AMOUNT_MAX
from detectors.instants import instant_of
from detectors.register import Exemption, Institution, Project
from tests.builders import event, taking

PROJECTS = (
    Project(id="heart", bytes_max=100, participants_max=10),
    Project(id="liver"),
)


GENOMES = {"genomes": DatasetConfig(class_name="genome", size=300)}


def ledger(
    entry: Institution, *, datasets_max: int = 4, has_spaces: bool = False, classed: bool = False
) -> Ledger:
    """Return a ledger that has booked nothing yet."""
    return Ledger(
        LedgerState(),
        entry,
        datasets_max=datasets_max,
        cohort_size=1_000,
        catalogue=catalogue_of(GENOMES if classed else {}),
        has_spaces=has_spaces,
    )


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


def counted(dataset: str, count: int) -> AccessEvent:
    """Return an event that says how many people it was of a dataset, and not who."""
    return event(dataset=dataset, participants=Participants(count=count))


def test_a_count_is_booked_for_its_dataset_or_for_the_pool_of_its_class() -> None:
    """A dataset that is held stays so when there is no room for another; none is larger than it is.

    Of a part of the cohort nobody can be counted who is not of it.
    """
    books = ledger(Institution(id="north"), datasets_max=2, classed=True)
    for dataset, count in [("a", 100), ("b", 80), ("a", 50), ("genomes", 900)]:
        books.take(counted(dataset, count), at_ms=0)
    pool = OTHER_DATASETS + OF_CLASS + "genome"
    held = {name: each.counted_participants for name, each in books.state.holdings.items()}
    assert held == {"a": 150, "b": 80, pool: 300}
    assert list(books.state.estimated) == ["a", "b", pool]


@pytest.mark.parametrize(
    ("alert", "learn", "booked"),
    [
        (
            False,
            False,
            Taken(read=200, participants=None, named=False, new=0, exempted=200, gained=200),
        ),
        (
            False,
            True,
            Taken(
                read=200,
                participants=None,
                named=False,
                new=0,
                exempted=200,
                gained=200,
                learnt=200,
            ),
        ),
        (
            True,
            False,
            Taken(read=200, participants=None, named=False, new=200, gained=200, unlearnt=True),
        ),
    ],
    ids=["neither told nor learnt", "learnt", "told"],
)
def test_a_count_may_be_approved(*, alert: bool, learn: bool, booked: Taken) -> None:
    """As far as it is estimated to be of new people; what is approved of others does not matter."""
    export = Exemption(
        id="export",
        valid_from=instant_of(0),
        valid_to=instant_of(1),
        dataset="a",
        alert=alert,
        learn=learn,
    )
    books = ledger(Institution(id="north", exemptions=(export,)))
    assert books.take(counted("b", 200), at_ms=0).new == 200
    assert ledger(books.entry).take(counted("a", 200), at_ms=0) == booked


def test_what_an_event_took_is_booked_for_its_project_too() -> None:
    """Where that has a cap, be anybody new to the institution or not."""
    learning = Exemption(id="export", valid_from=instant_of(0), valid_to=instant_of(1), learn=True)
    entry = Institution(id="north", projects=PROJECTS, exemptions=(learning,))
    books, people = ledger(entry), range(10)
    assert books.take(taking(10), at_ms=0) == Taken(
        read=10, participants=people, exempted=10, gained=10, learnt=10
    )
    assert books.take(taking(10, project="liver"), at_ms=1) == Taken(read=10, participants=people)
    assert books.take(taking(10, project="heart"), at_ms=1) == Taken(
        read=10, participants=people, project_new=10
    )
    shown = ledger(replace(entry, exemptions=(replace(learning, alert=True, learn=False),)))
    assert shown.take(taking(10), at_ms=0) == Taken(
        read=10, participants=people, new=10, gained=10, unlearnt=True
    )
    plain = ledger(Institution(id="north"))
    assert plain.take(taking(10), at_ms=0) == Taken(read=10, participants=people, new=10, gained=10)


def test_whoever_is_held_of_another_dataset_of_no_project_is_not_new() -> None:
    """Where each project has numbers of its own."""
    books = ledger(Institution(id="north"), has_spaces=True)
    new = [books.take(taking(10, dataset=dataset), at_ms=0).new for dataset in ("a", "b")]
    assert new == [10, 0]


def is_held(books: Ledger, first: int, count: int, **changes: object) -> bool:
    """Tell whether so many people from `first` on are held, of whatever an event says."""
    return books.holds_all_of(taking(count, first=first, **changes))


def test_all_are_held_of_whom_nobody_is_missing() -> None:
    """Of the dataset itself, or of the pool where it has no ledger of its own."""
    books = ledger(Institution(id="north"), datasets_max=2)
    assert books.holds_all_of(event())
    assert not is_held(books, 0, 5)
    for first, dataset in enumerate(["a", "b", "c"]):
        books.take(taking(10, first=100 * first, dataset=dataset), at_ms=0)
    for first, dataset in enumerate(["a", "b", "c"]):
        assert is_held(books, 100 * first, 10, dataset=dataset)
        assert not is_held(books, 100 * first, 11, dataset=dataset)
    assert is_held(books, 200, 10, dataset="d")
    books.take(taking(20, dataset="a"), at_ms=0)
    assert books.state.holdings["a"].held_participants == 20


def test_whoever_is_held_in_one_project_is_not_held_in_another() -> None:
    """Where each has numbers of its own; what names no project is apart as well."""
    books = ledger(Institution(id="north"), has_spaces=True)
    projects = ("p-1", "p-2", None)
    for first, project in enumerate(projects):
        books.take(taking(10, first=100 * first, project=project), at_ms=0)
    for first in range(3):
        held = [is_held(books, 100 * first, 10, project=project) for project in projects]
        assert held == [place == first for place in range(3)]


def test_whom_the_institution_holds_a_capped_project_may_not() -> None:
    """In each class of data apart; a project without a cap has no books of its own."""
    books = ledger(Institution(id="north", projects=PROJECTS), classed=True)
    for dataset in ("imaging", "genomes"):
        books.take(taking(10, dataset=dataset), at_ms=0)
    books.take(taking(5, dataset="genomes", project="heart"), at_ms=0)
    held = {
        (dataset, project): is_held(books, 0, 5, dataset=dataset, project=project)
        for dataset in ("imaging", "genomes")
        for project in ("heart", "liver", None)
    }
    assert [asked for asked, is_all in held.items() if not is_all] == [("imaging", "heart")]
    assert not is_held(books, 0, 6, dataset="genomes", project="heart")
