"""What holdings cost: nothing more where no class is declared, and little where three are."""

import random

import msgspec
import pytest
from pyroaring import BitMap64

from detectors.config import CohortConfig, CoreConfig
from detectors.event import Participants
from detectors.features.datasets import DatasetConfig
from detectors.features.saved_ledger import save_ledger
from detectors.pipeline import Profile, judge, open_profile
from detectors.snapshot import dump
from tests.builders import event

DATASETS = ("answers", "genomes", "images")
DECLARED = {name: DatasetConfig(class_name=name) for name in DATASETS}
RATIO_MAX = 1.3


def taken(datasets: tuple[str, ...], **declared: DatasetConfig) -> Profile:
    """Return the profile of an institution that took a fifth of each dataset's people."""
    config = CoreConfig(cohort=CohortConfig(size=100_000), datasets=declared)
    profile, rng = open_profile("north", config=config), random.Random(7)
    for number in range(40):
        for dataset in datasets:
            ids = sorted(rng.sample(range(100_000), 500))
            name = f"{dataset}-{number}"
            judge(profile, event(id=name, dataset=dataset, participants=Participants(ids=ids)))
    return profile


def state_bytes(profile: Profile) -> int:
    """Return the bytes of a saved state, its parts included."""
    snapshot = dump(profile)
    return len(snapshot.main) + sum(map(len, snapshot.parts.values()))


def memory_bytes(profile: Profile) -> int:
    """Return what the sets of the ledger take in memory, as far as they say so."""
    state = profile.ledger.state
    sets = [each for holding in state.holdings.values() for each in (holding.base, holding.recent)]
    return sum(len(BitMap64.serialize(each)) for each in [*sets, state.today])


def test_one_class_is_saved_in_the_bytes_it_always_took() -> None:
    """Neither classes nor estimates are in a state that has none."""
    profile = taken(DATASETS[:1])
    keys = msgspec.to_builtins(save_ledger(profile.ledger.state)).keys()
    assert keys == {
        "holdings",
        "projects",
        "today",
        "held_participants",
        "exempted",
        "capped_bytes",
    }


@pytest.mark.parametrize("measure", [state_bytes, memory_bytes])
def test_three_classes_cost_hardly_more_than_three_datasets_of_one(measure: object) -> None:
    """The same sets are kept; beside them there is a count a class."""
    assert callable(measure)
    apart, alike = measure(taken(DATASETS, **DECLARED)), measure(taken(DATASETS))
    assert apart <= RATIO_MAX * alike
