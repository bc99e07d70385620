"""Step 3 of 7: participants of an event -> who is new, who is now held, what was approved.

The ledger of one institution: per dataset exactly who it holds. "New" means never held before
in any dataset of its class: what counts is how much of the cohort an institution has of each, not
how often it reads. Where classes are declared, people are weighed by them; without a declaration
all datasets are of one class.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from pyroaring import BitMap64

from detectors.event import AccessEvent
from detectors.features.class_totals import ClassTotals
from detectors.features.datasets import COMMON_CLASS, Catalogue, Declared, catalogue_of, people_of
from detectors.features.exemptions import exempt
from detectors.features.ledger_state import (
    OF_CLASS,
    OF_SPACE,
    OTHER_DATASETS,
    LedgerState,
    dataset_of,
)
from detectors.features.occupancy import PERSON_UNITS
from detectors.features.participant_sets import (
    Holding,
    ParticipantSet,
    absorb,
    empty_holding,
    participants_of,
    take,
    unheld,
)
from detectors.features.windows import AMOUNT_MAX
from detectors.register import Institution

# Under this name, which no project bears, the institution as a whole is counted.
INSTITUTION: Final = ""


class Taken(Struct, frozen=True, kw_only=True, gc=False):
    """What one event took; mostly nobody who was not held before."""

    read: int
    participants: ParticipantSet | None
    named: bool = True
    project_new: int = 0
    # Never held before, weighed by class: those that may alert, the exempted, and both.
    new: int = 0
    exempted: int = 0
    gained: int = 0
    # Of the exempted, how many become part of the usual; and whether some of the new must not.
    learnt: int = 0
    unlearnt: bool = False


NOBODY: Final = Taken(read=0, participants=None)
# Something left, and nothing says of how many people it was.
UNNAMED: Final = Taken(read=0, participants=None, named=False)


class Ledger:
    """Who one institution holds.

    >>> from detectors.event import Participants
    >>> ledger = Ledger(LedgerState(), Institution(id="i"), datasets_max=4, cohort_size=100)
    >>> event = AccessEvent(
    ...     id="e", time=0, institution="i", dataset="d", participants=Participants(ranges=[(0, 9)])
    ... )
    >>> ledger.take(event, at_ms=0).new, ledger.take(event, at_ms=1).new
    (10, 0)
    """

    __slots__ = (
        "_bytes_capped",
        "_capped",
        "_has_spaces",
        "catalogue",
        "cohort_size",
        "datasets_max",
        "entry",
        "state",
        "totals",
    )

    def __init__(
        self,
        state: LedgerState,
        entry: Institution,
        *,
        datasets_max: int,
        cohort_size: int,
        catalogue: Catalogue | None = None,
        has_spaces: bool = False,
    ) -> None:
        """Keep the books of one institution against its register entry."""
        self.state = state
        self.entry = entry
        self.datasets_max = datasets_max
        self.cohort_size = cohort_size
        self.catalogue = catalogue if catalogue is not None else catalogue_of({})
        self._capped = frozenset(
            project.id for project in entry.projects if project.participants_max is not None
        )
        capped = [project.id for project in entry.projects if project.bytes_max is not None]
        own = [] if entry.bytes_max is None else [INSTITUTION]
        self._bytes_capped = frozenset(capped + own)
        self._has_spaces = has_spaces
        self.totals = ClassTotals(
            state, self.catalogue, cohort_size=cohort_size, has_spaces=has_spaces
        )

    def project_participants(self, project: str | None, dataset: str) -> int:
        """Return how many participants a capped project holds of the dataset's class."""
        name = self._project_name(project or "", self._declared(dataset).class_name)
        holding = self.state.projects.get(name)
        return holding.held_participants if holding else 0

    def capped_bytes(self, project: str | None) -> int:
        """Return what has left under a project's cap on bytes, or the institution's own."""
        return self.state.capped_bytes.get(project or INSTITUTION, 0)

    @property
    def taken_participants(self) -> int:
        """Return all that was ever new, weighed by class; with one class how many are held."""
        return self.totals.taken_participants

    @property
    def unapproved_participants(self) -> int:
        """Return of `taken_participants` those that no exemption covered."""
        return max(0, self.totals.taken_participants - self.state.exempted_participants)

    def class_participants(self, dataset: str) -> int:
        """Return how many are held of the dataset's class: by name, and as declared."""
        return self.totals.class_participants(self._declared(dataset).class_name)

    def held_under_caps(self, dataset: str) -> Iterator[tuple[int, int]]:
        """Yield what is held of a dataset and of its class, each with its cap, where it has one."""
        caps, class_name = self.entry.dataset_caps, self._declared(dataset).class_name
        if class_name in caps:
            yield self.class_participants(dataset), caps[class_name]
        if dataset in caps and (holding := self.state.holdings.get(dataset)) is not None:
            declared = self._declared(dataset).config.people is not None
            units = self.state.estimated.get(dataset, 0) if declared else 0
            yield holding.held_participants + units // PERSON_UNITS, caps[dataset]

    def take(self, event: AccessEvent, at_ms: int) -> Taken:
        """Book what an event took and return it."""
        if self._bytes_capped:
            self.count_bytes(event)
        participants = event.participants
        people = None if participants is None else participants_of(participants)
        if people is None or not (read := len(people)):
            return self._take_counted(event, at_ms=at_ms)
        if self._has_spaces:
            holding = self._opened_in_space(event.dataset, event.project)
        else:
            holding = self.state.holdings.get(event.dataset) or self._opened(event.dataset)
        new_people = take(holding, people)
        project_new = self._take_for_project(event, people) if self._capped else 0
        gained = self._count_new(new_people, holding, event) if new_people else 0
        if not gained:
            return Taken(read=read, participants=people, project_new=project_new)
        exempted, learnt, unlearnt = exempt(self.entry, self.state, event, gained, at_ms=at_ms)
        return Taken(
            read=read,
            participants=people,
            project_new=project_new,
            new=gained - exempted,
            exempted=exempted,
            gained=gained,
            learnt=learnt,
            unlearnt=unlearnt,
        )

    def holds_all_of(self, event: AccessEvent) -> bool:
        """Tell whether an event names nobody who is not held, of its dataset and its project."""
        participants = event.participants
        people = None if participants is None else participants_of(participants)
        if not people:
            return True
        state, project = self.state, event.project or ""
        space = OF_SPACE + project if self._has_spaces else ""
        pooled = self._ledger_name(event.dataset) + space
        holdings = [state.holdings.get(event.dataset + space, state.holdings.get(pooled))]
        if project in self._capped:
            name = self._project_name(project, self._declared(event.dataset).class_name)
            holdings.append(state.projects.get(name))
        return all(each is not None and not unheld(people, each) for each in holdings)

    def count_bytes(self, event: AccessEvent) -> None:
        """Count the bytes of an event under the caps that there are."""
        counted = self.state.capped_bytes
        for name in (INSTITUTION, event.project):
            if name in self._bytes_capped:
                counted[name] = min(AMOUNT_MAX, counted.get(name, 0) + event.bytes)

    def _count_new(self, people: ParticipantSet, holding: Holding, event: AccessEvent) -> int:
        """Book people who are new to `holding`; return how many its class held nowhere else."""
        state, totals = self.state, self.totals
        class_name = self._declared(event.dataset).class_name if totals.classed else COMMON_CLASS
        space = OF_SPACE + (event.project or "") if self._has_spaces else ""
        if len(state.holdings) > 1:
            for name, other in state.holdings.items():
                if (
                    other is not holding
                    and (not totals.classed or totals.class_of(name) == class_name)
                    and name.endswith(space)
                ):
                    people = unheld(people, other)
        new = len(people)
        if self._has_spaces:
            # Numbers of several projects make no one set: nobody is told of them.
            return totals.add_named(class_name, new)
        # Somebody may be new in several classes on one day.
        today = len(self._unseen_today(people)) if totals.classed else new
        state.today_count += today
        absorb(state.today, people, count=new)
        if totals.plain:
            state.held_participants += new
            return new
        return totals.add_named(class_name, new)

    def _unseen_today(self, people: ParticipantSet) -> ParticipantSet:
        today, count = self.state.today, self.state.today_count
        return unheld(people, Holding(base=BitMap64(), recent=today, recent_count=count))

    def _take_for_project(self, event: AccessEvent, people: ParticipantSet) -> int:
        project = event.project
        if project is None or project not in self._capped:
            return 0
        name = self._project_name(project, self._declared(event.dataset).class_name)
        return len(take(self.state.projects.setdefault(name, empty_holding()), people))

    def _take_counted(self, event: AccessEvent, *, at_ms: int) -> Taken:
        """Book a count: nobody knows whose data it was, so what of it is new is estimated."""
        counted = event.participants.count if event.participants is not None else None
        declared, size = self._declared(event.dataset), self.size_of(event.dataset)
        # Nobody named and nobody counted: the rows that left, or what the dataset is declared as.
        people = counted or event.rows or people_of(declared, event, cohort_size=size)
        read = min(size, people)
        if not read:
            return UNNAMED if event.bytes or event.files else NOBODY
        name = event.dataset
        holding = self.state.holdings.get(name) or self._opened(name)
        holding.counted_participants = min(size, holding.counted_participants + read)
        name = name if name in self.state.holdings else self._ledger_name(name)
        gained = self.totals.add_counted(name, read, declared.class_name, size=size)
        exempted, learnt, unlearnt = exempt(self.entry, self.state, event, gained, at_ms=at_ms)
        return Taken(
            read=read,
            participants=None,
            named=False,
            new=gained - exempted,
            exempted=exempted,
            gained=gained,
            learnt=learnt,
            unlearnt=unlearnt,
        )

    def size_of(self, dataset: str) -> int:
        """Return how many people there are in a dataset, at most, be it of one project alone."""
        dataset = dataset_of(dataset) if self._has_spaces else dataset
        return min(self.cohort_size, self._declared(dataset).config.size or self.cohort_size)

    def _declared(self, dataset: str) -> Declared:
        return self.catalogue.declared(dataset)

    def _opened(self, name: str) -> Holding:
        """Return the ledger of a dataset that has none yet: one of its own, or the pool."""
        return self.state.holdings.setdefault(self._ledger_name(name), empty_holding())

    def _opened_in_space(self, dataset: str, project: str | None) -> Holding:
        """Return the ledger of a dataset among the people of one project."""
        space = OF_SPACE + (project or "")
        holdings = self.state.holdings
        name = dataset + space
        if name not in holdings:
            name = self._ledger_name(dataset) + space
        return holdings.setdefault(name, empty_holding())

    def _ledger_name(self, dataset: str) -> str:
        """Return under which name a dataset that is not held yet will be."""
        if len(self.state.holdings) < self.datasets_max:
            return dataset
        class_name = self._declared(dataset).class_name
        return OTHER_DATASETS + (OF_CLASS + class_name if class_name else "")

    @staticmethod
    def _project_name(project: str, class_name: str) -> str:
        return project + (OF_CLASS + class_name if class_name else "")
