"""Each project has pseudonyms of its own: one number is several people, and one person several."""

from detectors.config import CohortConfig, CoreConfig
from detectors.features.datasets import DatasetConfig
from detectors.features.ledger import Ledger
from detectors.features.ledger_state import (
    OF_SPACE,
    OTHER_DATASETS,
    LedgerState,
    dataset_of,
    space_of,
)
from detectors.pipeline import Profile, judge, open_profile
from detectors.register import Institution
from detectors.snapshot import dump, load
from tests.builders import alerts_of, taking

CONFIG = CoreConfig(
    cohort=CohortConfig(size=10_000, id_space="project"),
    datasets={"genomes": DatasetConfig(class_name="genome")},
)


def north() -> Profile:
    """Return the profile of an institution never seen before."""
    return open_profile("north", config=CONFIG)


def test_ids_of_two_projects_are_never_compared() -> None:
    """The same numbers are new in another project, and known in their own."""
    profile = north()
    for number, project in enumerate(["p-1", "p-2", "p-1", None]):
        judge(profile, taking(3_000, id=str(number), project=project))
    assert profile.ledger.taken_participants == 9_000
    assert profile.ledger.totals.held_bounds == (3_000, 9_000)


def test_all_projects_together_hold_at_most_the_cohort() -> None:
    """Nobody knows who is the same, but nobody is beyond everybody."""
    profile = north()
    takings = [taking(6_000, id=str(number), project=f"p-{number}") for number in range(4)]
    alerts = alerts_of(profile, takings)
    assert alerts != []
    assert all(alert.taken_participants <= 10_000 for alert in alerts)
    assert profile.ledger.totals.held_bounds == (6_000, 10_000)


def test_classes_are_counted_apart_in_each_project() -> None:
    """Somebody of one project's genomes is new beside its questionnaires; restarts forget none."""
    profile = north()
    for dataset in ("answers", "genomes", "plates"):
        judge(profile, taking(2_000, id=dataset, project="p-1", dataset=dataset))
    assert profile.ledger.taken_participants == 4_000
    snapshot = dump(profile)
    restored = load(snapshot.main, parts=snapshot.parts, config=CONFIG)
    assert restored.ledger.taken_participants == 4_000
    judge(restored, taking(2_000, id="again", project="p-1", dataset="plates"))
    assert restored.ledger.taken_participants == 4_000


def test_after_a_restart_the_people_of_two_projects_are_still_two() -> None:
    """One number of two projects is two people, in each class."""
    profile = north()
    for project in ("p-1", "p-2"):
        judge(profile, taking(2_000, id=project, project=project, dataset="genomes"))
    snapshot = dump(profile)
    restored = load(snapshot.main, parts=snapshot.parts, config=CONFIG)
    assert restored.ledger.taken_participants == profile.ledger.taken_participants == 4_000


def test_nobody_else_is_told_of_numbers_that_mean_nothing_to_them() -> None:
    """Rings are judged by people, which numbers of a project are not."""
    profile = north()
    effects = judge(profile, taking(9_000, project="p-1"))
    assert {type(effect).__name__ for effect in effects} <= {"RaiseAlert"}


def test_each_project_has_a_ledger_of_each_dataset() -> None:
    """Beyond the bound they are pooled, by project still; what was held before stays."""
    ledger = Ledger(
        LedgerState(), Institution(id="north"), datasets_max=2, cohort_size=100, has_spaces=True
    )
    takings = [("imaging", "p-1"), ("imaging", None), ("genomes", "p-1"), ("imaging", "p-1")]
    new = []
    for place, (dataset, project) in enumerate(takings):
        taken = taking(5, first=place // 3, id=str(place), dataset=dataset, project=project)
        new.append(ledger.take(taken, at_ms=0).new)
    assert new == [5, 5, 0, 1]
    assert {name: held.held_participants for name, held in ledger.state.holdings.items()} == {
        "imaging" + OF_SPACE + "p-1": 6,
        "imaging" + OF_SPACE: 5,
        OTHER_DATASETS + OF_SPACE + "p-1": 5,
    }


def test_the_name_of_a_ledger_says_of_which_dataset_and_project_it_is() -> None:
    """Whatever stands in the name of the dataset; of a dataset alone it is of no project."""
    name = "a" + OF_SPACE + "b" + OF_SPACE + "p-1"
    assert (dataset_of(name), space_of(name)) == ("a" + OF_SPACE + "b", "p-1")
    assert (dataset_of("imaging"), space_of("imaging")) == ("imaging", "")
