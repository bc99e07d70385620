"""Step 3 of 7: what one institution holds and has used of what was approved, as plain state."""

from typing import Final

from msgspec import Struct, field
from pyroaring import BitMap64

from detectors.features.participant_sets import Holding

# What lies beyond `datasets_max` is pooled under this name, which no real dataset can bear; what is
# of a class of its own in a pool of that class.
OTHER_DATASETS: Final = "\N{HORIZONTAL ELLIPSIS}other"
# Between the name of a dataset and a project whose ids are its own.
OF_SPACE: Final = " \N{MIDDLE DOT} "
# Between the name of a pool or a project and a class.
OF_CLASS: Final = "\N{INFORMATION SEPARATOR ONE}"


class LedgerState(Struct, kw_only=True):
    """Holdings per dataset and per capped project, today's new, and each exemption's use."""

    holdings: dict[str, Holding] = field(default_factory=dict)
    projects: dict[str, Holding] = field(default_factory=dict)
    today: BitMap64 = field(default_factory=BitMap64)
    today_count: int = 0
    # By name, in each class once.
    held_participants: int = 0
    exempted: dict[str, int] = field(default_factory=dict)
    # New ones that an approval covered, weighed by class; of any exemption.
    exempted_participants: int = 0
    # What has left under a cap on bytes, by project; the institution's own has no name.
    capped_bytes: dict[str, int] = field(default_factory=dict)
    # By class, of whom it is held by name; empty where no class is declared.
    classes: dict[str, int] = field(default_factory=dict)
    # By dataset, how many are expected to be held of those who were only counted, in PERSON_UNITS.
    estimated: dict[str, int] = field(default_factory=dict)


def dataset_of(name: str) -> str:
    """Return the dataset of a holding, which may be of one project's people.

    >>> dataset_of("imaging" + OF_SPACE + "p-1"), dataset_of("imaging")
    ('imaging', 'imaging')
    """
    dataset, space, _ = name.rpartition(OF_SPACE)
    return dataset if space else name


def space_of(name: str) -> str:
    """Return the project whose people a holding is of; nothing where it is of nobody by name."""
    _, space, project = name.rpartition(OF_SPACE)
    return project if space else ""
