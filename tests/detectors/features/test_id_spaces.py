"""Each project has pseudonyms of its own: one number is several people, and one person several."""

from detectors.config import CohortConfig, CoreConfig
from detectors.features.datasets import DatasetConfig
from detectors.pipeline import Profile, judge, open_profile
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


def test_nobody_else_is_told_of_numbers_that_mean_nothing_to_them() -> None:
    """Rings are judged by people, which numbers of a project are not."""
    profile = north()
    effects = judge(profile, taking(9_000, project="p-1"))
    assert {type(effect).__name__ for effect in effects} <= {"RaiseAlert"}
