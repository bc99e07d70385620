"""Step 3 of 7: participants of an event -> who is new, who is now held, what was approved.

The ledger of one institution: per dataset exactly who it holds. "New" means never held before
in any dataset: what counts is how much of the cohort an institution has, not how often it reads.
"""

from typing import Final

from msgspec import Struct, field
from pyroaring import BitMap64

from detectors.event import AccessEvent
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
from detectors.register import Exemption, Institution, covers

# What lies beyond `datasets_max` is pooled under this name, which no real dataset can bear.
OTHER_DATASETS: Final = "\N{HORIZONTAL ELLIPSIS}other"
# Under this name, which no project bears, the institution as a whole is counted.
INSTITUTION: Final = ""


class LedgerState(Struct, kw_only=True):
    """Holdings per dataset and per capped project, today's new, and each exemption's use."""

    holdings: dict[str, Holding] = field(default_factory=dict)
    projects: dict[str, Holding] = field(default_factory=dict)
    today: BitMap64 = field(default_factory=BitMap64)
    today_count: int = 0
    held_participants: int = 0
    exempted: dict[str, int] = field(default_factory=dict)
    # What has left under a cap on bytes, by project; the institution's own has no name.
    capped_bytes: dict[str, int] = field(default_factory=dict)


class Taken(Struct, frozen=True, kw_only=True, gc=False):
    """What one event took; mostly nobody who was not held before."""

    read: int
    participants: ParticipantSet | None
    named: bool = True
    project_new: int = 0
    # Never held before: those that may alert, the exempted, and both.
    new: int = 0
    exempted: int = 0
    gained: int = 0
    # Of the exempted, how many become part of the usual; and whether some of the new must not.
    learnt: int = 0
    unlearnt: bool = False


NOBODY: Final = Taken(read=0, participants=None)


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

    __slots__ = ("_bytes_capped", "_capped", "cohort_size", "datasets_max", "entry", "state")

    def __init__(
        self, state: LedgerState, entry: Institution, *, datasets_max: int, cohort_size: int
    ) -> None:
        """Keep the books of one institution against its register entry."""
        self.state = state
        self.entry = entry
        self.datasets_max = datasets_max
        self.cohort_size = cohort_size
        self._capped = frozenset(
            project.id for project in entry.projects if project.participants_max is not None
        )
        capped = [project.id for project in entry.projects if project.bytes_max is not None]
        own = [] if entry.bytes_max is None else [INSTITUTION]
        self._bytes_capped = frozenset(capped + own)

    def project_participants(self, project: str | None) -> int:
        """Return how many participants a capped project holds, counts included."""
        holding = self.state.projects.get(project or "")
        return holding.held_participants + holding.counted_participants if holding else 0

    def capped_bytes(self, project: str | None) -> int:
        """Return what has left under a project's cap on bytes, or the institution's own."""
        return self.state.capped_bytes.get(project or INSTITUTION, 0)

    def take(self, event: AccessEvent, at_ms: int) -> Taken:
        """Book what an event took and return it."""
        if self._bytes_capped:
            self._count_bytes(event)
        participants = event.participants
        people = None if participants is None else participants_of(participants)
        if not people:
            return self._take_counted(event, at_ms=at_ms)
        holding = self.state.holdings.get(event.dataset) or self._opened(event.dataset)
        new_people = take(holding, people)
        project_new = self._take_for_project(event.project, people) if self._capped else 0
        gained = self._count_new(new_people, holding) if new_people else 0
        if not gained:
            return Taken(read=len(people), participants=people, project_new=project_new)
        exempted, learnt, unlearnt = self._exempt(event, gained, at_ms=at_ms)
        return Taken(
            read=len(people),
            participants=people,
            project_new=project_new,
            new=gained - exempted,
            exempted=exempted,
            gained=gained,
            learnt=learnt,
            unlearnt=unlearnt,
        )

    def _count_new(self, people: ParticipantSet, holding: Holding) -> int:
        """Book people who are new to `holding`, and return how many were held nowhere else."""
        state = self.state
        if len(state.holdings) > 1:
            for other in state.holdings.values():
                if other is not holding:
                    people = unheld(people, other)
        new = len(people)
        state.held_participants += new
        state.today_count += new
        absorb(state.today, people, count=new)
        return new

    def _count_bytes(self, event: AccessEvent) -> None:
        counted = self.state.capped_bytes
        for name in (INSTITUTION, event.project):
            if name in self._bytes_capped:
                counted[name] = min(AMOUNT_MAX, counted.get(name, 0) + event.bytes)

    def _take_for_project(self, project: str | None, people: ParticipantSet) -> int:
        if project is None or project not in self._capped:
            return 0
        return len(take(self.state.projects.setdefault(project, empty_holding()), people))

    def _take_counted(self, event: AccessEvent, *, at_ms: int) -> Taken:
        """Book a count: an upper bound, since nobody knows whose data it was."""
        counted = event.participants.count if event.participants is not None else None
        # Nobody named and nobody counted: the rows that left are all that is known.
        read = min(self.cohort_size, counted or event.rows)
        if not read:
            return NOBODY
        holding = self.state.holdings.get(event.dataset) or self._opened(event.dataset)
        holding.counted_participants = min(self.cohort_size, holding.counted_participants + read)
        exempted, learnt, unlearnt = self._exempt(event, read, at_ms=at_ms)
        return Taken(
            read=read,
            participants=None,
            named=False,
            new=read - exempted,
            exempted=exempted,
            gained=read,
            learnt=learnt,
            unlearnt=unlearnt,
        )

    def _opened(self, name: str) -> Holding:
        """Return the ledger of a dataset that has none yet: one of its own, or the pool."""
        holdings = self.state.holdings
        if len(holdings) >= self.datasets_max:
            name = OTHER_DATASETS
        return holdings.setdefault(name, empty_holding())

    def _exempt(self, event: AccessEvent, new: int, *, at_ms: int) -> tuple[int, int, bool]:
        """Return how many of `new` may not alert, and of these are learnt; book the use.

        The last says whether some that may alert are not to be learnt.
        """
        left, learnt, unlearnt = new, 0, False
        for exemption in self.entry.exemptions:
            if not covers(exemption, at_ms=at_ms, dataset=event.dataset, project=event.project):
                continue
            used = self._use(exemption, left)
            if exemption.alert:
                unlearnt |= used > 0 and not exemption.learn
                continue
            left -= used
            learnt += used if exemption.learn else 0
            if not left:
                break
        return new - left, learnt, unlearnt

    def _use(self, exemption: Exemption, wanted: int) -> int:
        if exemption.participants_max is None:
            return wanted
        used = self.state.exempted.get(exemption.id, 0)
        covered = min(wanted, max(0, exemption.participants_max - used))
        self.state.exempted[exemption.id] = used + covered
        return covered
