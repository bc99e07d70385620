"""Step 3 of 7: how much of each class of datasets an institution holds, each person once.

Held by name, which is exact, and expected to be held of those who were only counted, which is
estimated; together never more than the cohort. Without declared classes all is of one class, and
there is nothing more to keep than a count.
"""

from detectors.features.datasets import COMMON_CLASS, WEIGHT_UNITS, Catalogue
from detectors.features.ledger_state import (
    OF_CLASS,
    OTHER_DATASETS,
    LedgerState,
    dataset_of,
    space_of,
)
from detectors.features.occupancy import PERSON_UNITS, new_units
from detectors.features.participant_sets import Holding, held_together


class ClassTotals:
    """The totals of one ledger, by class.

    >>> from detectors.features.datasets import catalogue_of
    >>> state, catalogue = LedgerState(), catalogue_of({})
    >>> totals = ClassTotals(state, catalogue, cohort_size=1_000, has_spaces=False)
    >>> totals.add_counted("d", 600, "", size=1_000), totals.add_counted("d", 600, "", size=1_000)
    (600, 240)
    """

    __slots__ = (
        "_catalogue",
        "_estimated",
        "_state",
        "classed",
        "cohort_size",
        "has_spaces",
        "plain",
    )

    def __init__(
        self,
        state: LedgerState,
        catalogue: Catalogue,
        *,
        cohort_size: int,
        has_spaces: bool,
    ) -> None:
        """Count the classes anew, for they may be declared otherwise than when they were saved."""
        self._state = state
        self._catalogue = catalogue
        self.cohort_size = cohort_size
        self.classed = len(catalogue.weights) > 1
        self.has_spaces = has_spaces
        if self.classed or state.classes:
            self._recount()
        self._estimated: dict[str, int] = {}
        for name, units in state.estimated.items():
            self._add_estimated(self.class_of(name), units)
        # Nobody was only counted, and there is one class: a count of people is all there is.
        self.plain = not (self.classed or self._estimated or has_spaces)

    @property
    def taken_participants(self) -> int:
        """Return all that was ever new, weighed by class; with one class how many are held."""
        if self.plain:
            return self._state.held_participants
        return sum(self._total(class_name) for class_name in self._catalogue.weights)

    def class_participants(self, class_name: str) -> int:
        """Return how many are held of a class: by name, and by what datasets are declared to be."""
        named = self._named(class_name)
        if self.plain:
            return named
        return min(self.cohort_size, named + self._as_declared(class_name))

    @property
    def fullest_participants(self) -> int:
        """Return how many are held of the class of which most are."""
        return max(self.class_participants(name) for name in self._catalogue.weights)

    @property
    def held_bounds(self) -> tuple[int, int]:
        """Return how many people are held by name, at least and at most.

        Of several projects' pseudonyms nobody knows who is the same: at least the most of one.
        """
        spaces: dict[str, int] = {}
        for name, holding in self._state.holdings.items():
            space = space_of(name) if self.has_spaces else ""
            spaces[space] = max(spaces.get(space, 0), holding.held_participants)
        at_most = min(self.cohort_size, self._state.held_participants)
        return max(spaces.values(), default=0), at_most

    def class_of(self, name: str) -> str:
        """Return the class of a holding, which may be a pool, or of one project."""
        name = dataset_of(name) if self.has_spaces else name
        if name.startswith(OTHER_DATASETS):
            class_name = name.removeprefix(OTHER_DATASETS + OF_CLASS)
            return class_name if class_name in self._catalogue.weights else COMMON_CLASS
        return self._catalogue.declared(name).class_name

    def add_named(self, class_name: str, new: int) -> int:
        """Count people who are new to a class by name; return what that adds to it, weighed."""
        before = self._total(class_name)
        self._state.held_participants += new
        if self.classed:
            classes = self._state.classes
            classes[class_name] = classes.get(class_name, 0) + new
        return self._total(class_name) - before

    def add_counted(self, name: str, read: int, class_name: str, *, size: int) -> int:
        """Count `read` people of a relation of `size`; return what is expected new, weighed."""
        state = self._state
        before = self._total(class_name)
        held_units = self._named(class_name) * PERSON_UNITS + self._estimated.get(class_name, 0)
        if size < self.cohort_size:
            # Who is held of a part of the cohort is known by what was read of that part alone.
            holding = state.holdings.get(name)
            named = holding.held_participants if holding is not None else 0
            held_units = named * PERSON_UNITS + state.estimated.get(name, 0)
        units = new_units(read, held_units=held_units, size=size)
        state.estimated[name] = state.estimated.get(name, 0) + units
        self._add_estimated(class_name, units)
        self.plain = False
        return self._total(class_name) - before

    def _total(self, class_name: str) -> int:
        """Return what is held of a class, weighed: of nobody more than once."""
        units = self._named(class_name) * PERSON_UNITS + self._estimated.get(class_name, 0)
        weight_units = self._catalogue.weights[class_name]
        held_units = min(self.cohort_size * PERSON_UNITS, units)
        return -(-held_units * weight_units // (PERSON_UNITS * WEIGHT_UNITS))

    def _named(self, class_name: str) -> int:
        state = self._state
        return state.classes.get(class_name, 0) if self.classed else state.held_participants

    def _as_declared(self, class_name: str) -> int:
        """Return how many are expected to be held by what files and requests are declared to be."""
        units = sum(
            units
            for name, units in self._state.estimated.items()
            if self._catalogue.declared(name).config.people is not None
            and self.class_of(name) == class_name
        )
        return units // PERSON_UNITS

    def _add_estimated(self, class_name: str, units: int) -> None:
        self._estimated[class_name] = self._estimated.get(class_name, 0) + units

    def _recount(self) -> None:
        """Count the classes anew, for they may be declared otherwise than when they were saved."""
        by_class: dict[tuple[str, str], list[Holding]] = {}
        for name, holding in self._state.holdings.items():
            space = space_of(name) if self.has_spaces else ""
            by_class.setdefault((self.class_of(name), space), []).append(holding)
        counts: dict[str, int] = {}
        for (class_name, _), holdings in by_class.items():
            counts[class_name] = counts.get(class_name, 0) + held_together(holdings)
        self._state.held_participants = sum(counts.values())
        self._state.classes = counts if self.classed else {}
