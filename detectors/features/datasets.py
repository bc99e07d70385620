"""Step 3 of 7: what a dataset is declared to be: whom a file of it stands for, and its class.

Many producers name nobody: a file of a whole cohort is one request and many bytes. What one file,
one request or one GiB of a dataset stands for is for the operator to declare. Who holds everybody's
answers to a questionnaire and then takes everybody's genome takes something new: datasets of
different classes are counted apart.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from detectors.event import AccessEvent

GIB: Final = 2**30
# The class of every dataset without one of its own.
COMMON_CLASS: Final = ""
# Weights are kept as whole numbers of this part, so that sums are exact.
WEIGHT_UNITS: Final = 1_024
_WILDCARDS: Final = frozenset("*?[")
_NAMES_CACHED_MAX: Final = 4_096


class DatasetConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one dataset is; the key is its name, or a pattern with `*`."""

    people: Annotated[
        Literal["all"] | Annotated[int, Meta(ge=1)] | None,
        Meta(description="whom one file, request or GiB stands for where no event says: all, or n"),
    ] = None
    per: Annotated[
        Literal["file", "request", "gib"], Meta(description="what `people` are counted by")
    ] = "file"
    class_name: Annotated[
        str, Meta(max_length=64, description="people are new once in each class; empty: the common")
    ] = field(default=COMMON_CLASS, name="class")
    weight: Annotated[
        float, Meta(ge=0.001, le=1_000, description="of one person of the class, beside 1")
    ] = 1.0
    size: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="people in it; absent: the cohort")
    ] = None
    participants_max: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="how many an institution may hold of its class, or of it alone"),
    ] = None

    def __post_init__(self) -> None:
        """Raise for a weight that could not hold for all of a class."""
        if self.weight != 1.0 and not self.class_name:
            message = "expected a `class` beside `weight`"
            raise ValueError(message)


class Declared(Struct, frozen=True, kw_only=True, gc=False):
    """One dataset under the declarations."""

    config: DatasetConfig
    class_name: str = COMMON_CLASS
    weight_units: int = WEIGHT_UNITS


_UNDECLARED: Final = Declared(config=DatasetConfig())


class Catalogue:
    """The declarations of all datasets.

    >>> catalogue = catalogue_of({"vcf-*": DatasetConfig(people="all", class_name="genome")})
    >>> catalogue.declared("vcf-22").class_name, catalogue.declared("answers").class_name
    ('genome', '')
    """

    __slots__ = ("_cached", "_exact", "_patterns", "weights")

    def __init__(self, datasets: Mapping[str, DatasetConfig]) -> None:
        """Sort the patterns: the longest that fits is meant."""
        declared = {
            name: Declared(
                config=config,
                class_name=config.class_name,
                weight_units=max(1, round(config.weight * WEIGHT_UNITS)),
            )
            for name, config in datasets.items()
        }
        self._exact = {name: each for name, each in declared.items() if not _is_pattern(name)}
        patterns = sorted(filter(_is_pattern, declared), key=lambda name: (-len(name), name))
        self._patterns = tuple((pattern, declared[pattern]) for pattern in patterns)
        self._cached: dict[str, Declared] = {}
        # By class, in `WEIGHT_UNITS`.
        self.weights = {COMMON_CLASS: WEIGHT_UNITS} | {
            each.class_name: each.weight_units for each in declared.values() if each.class_name
        }

    def __bool__(self) -> bool:
        """Tell whether anything is declared."""
        return bool(self._exact or self._patterns)

    def declared(self, dataset: str) -> Declared:
        """Return what holds for a dataset: what is declared for its name, or for a pattern."""
        exact = self._exact.get(dataset) or self._cached.get(dataset)
        if exact is not None:
            return exact
        fitting = (each for pattern, each in self._patterns if fnmatchcase(dataset, pattern))
        declared = next(fitting, _UNDECLARED)
        if len(self._cached) >= _NAMES_CACHED_MAX:
            self._cached.clear()
        self._cached[dataset] = declared
        return declared


@lru_cache(8)
def _built(raw: bytes) -> Catalogue:
    return Catalogue(msgspec.json.decode(raw, type=dict[str, DatasetConfig]))


def catalogue_of(datasets: Mapping[str, DatasetConfig]) -> Catalogue:
    """Return the catalogue of some declarations; all judges of a configuration share one."""
    return _built(msgspec.json.encode(dict(datasets)))


def check_datasets(datasets: Mapping[str, DatasetConfig]) -> None:
    """Refuse declarations that contradict one another.

    Raises:
        ValueError: one class has two weights, or a cap has nothing to count.
    """
    weights: dict[str, float] = {}
    for name, config in datasets.items():
        if config.class_name and weights.setdefault(config.class_name, config.weight) != (
            config.weight
        ):
            message = f"datasets.{name}.weight: class {config.class_name!r} has another already"
            raise ValueError(message)
        if config.participants_max is not None and _is_pattern(name) and not config.class_name:
            message = f"datasets.{name}.participants_max: expected a `class` beside a pattern's cap"
            raise ValueError(message)


def caps_of(datasets: Mapping[str, DatasetConfig]) -> dict[str, int]:
    """Return the caps that are declared, by class, or by dataset where it has none of its own."""
    caps: dict[str, int] = {}
    for name, config in datasets.items():
        cap = config.participants_max
        if cap is not None:
            counted = config.class_name or name
            caps[counted] = min(cap, caps.get(counted, cap))
    return caps


def people_of(declared: Declared, event: AccessEvent, *, cohort_size: int) -> int:
    """Return how many people an event stands for that names and counts nobody, at most.

    >>> config = DatasetConfig(people=40, per="gib")
    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="d", bytes=GIB + 1)
    >>> people_of(Declared(config=config), event, cohort_size=500_000)
    41
    """
    config = declared.config
    if config.people is None:
        return 0
    size = min(cohort_size, config.size or cohort_size)
    people = size if config.people == "all" else config.people
    if config.per == "gib":
        return min(size, -(-people * event.bytes // GIB))
    return min(size, people * (max(1, event.files) if config.per == "file" else 1))


def counts_by_bytes(catalogue: Catalogue, event: AccessEvent) -> bool:
    """Tell whether an event names and counts nobody, and its bytes alone say how many they are."""
    config = catalogue.declared(event.dataset).config
    return event.participants is None and config.people is not None and config.per == "gib"


def _is_pattern(name: str) -> bool:
    return not _WILDCARDS.isdisjoint(name)
