"""Step 3 of 7: participants of an event -> who is new, who is now held, what was approved.

The ledger of one institution: per dataset exactly who it holds. "New" means never held before
in any dataset: what counts is how much of the cohort an institution has, not how often it reads.
"""

from typing import Final

from msgspec import Struct, field
from pyroaring import BitMap64

from detectors.cohort import Holding, absorb, bitmap_of, empty_holding, take, unheld
from detectors.event import AccessEvent
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


class Taken(Struct, frozen=True, kw_only=True):
    """What one event took."""

    read: int
    new: int
    exempted: int
    named: bool
    ids: BitMap64 | None
    project_new: int = 0
    # Of the exempted, how many become part of the usual; and whether some of the new must not.
    learnt: int = 0
    unlearnt: bool = False


NOBODY: Final = Taken(read=0, new=0, exempted=0, named=True, ids=None)


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

    def take(self, event: AccessEvent, *, at_ms: int) -> Taken:
        """Book what a successful event took and return it."""
        if self._bytes_capped:
            self._count_bytes(event)
        ids = bitmap_of(event.participants) if event.participants is not None else None
        if ids is None:
            return self._take_counted(event, at_ms=at_ms)
        read = len(ids)
        dataset = self._dataset(event.dataset)
        new_ids = take(self.state.holdings[dataset], ids)
        if new_ids and len(self.state.holdings) > 1:
            new_ids = self._held_nowhere_else(new_ids, dataset=dataset)
        new = len(new_ids)
        if new:
            self.state.held_participants += new
            absorb(self.state.today, new_ids, count=new)
            self.state.today_count += new
        exempted, learnt, unlearnt = self._exempt(event, new, at_ms=at_ms) if new else (0, 0, False)
        project_new = self._take_for_project(event.project, ids) if self._capped else 0
        return Taken(
            read=read,
            new=new - exempted,
            exempted=exempted,
            named=True,
            ids=ids,
            project_new=project_new,
            learnt=learnt,
            unlearnt=unlearnt,
        )

    def _count_bytes(self, event: AccessEvent) -> None:
        counted = self.state.capped_bytes
        for name in (INSTITUTION, event.project):
            if name in self._bytes_capped:
                counted[name] = min(AMOUNT_MAX, counted.get(name, 0) + event.bytes)

    def _take_for_project(self, project: str | None, ids: BitMap64) -> int:
        if project is None or project not in self._capped:
            return 0
        return len(take(self.state.projects.setdefault(project, empty_holding()), ids))

    def _take_counted(self, event: AccessEvent, *, at_ms: int) -> Taken:
        """Book a count: an upper bound, since nobody knows whose data it was."""
        counted = event.participants.count if event.participants is not None else None
        read = min(self.cohort_size, event.rows if counted is None else counted)
        if not read:
            return NOBODY
        holding = self.state.holdings[self._dataset(event.dataset)]
        holding.counted_participants = min(self.cohort_size, holding.counted_participants + read)
        exempted, learnt, unlearnt = self._exempt(event, read, at_ms=at_ms)
        return Taken(
            read=read,
            new=read - exempted,
            exempted=exempted,
            named=False,
            ids=None,
            learnt=learnt,
            unlearnt=unlearnt,
        )

    def _dataset(self, name: str) -> str:
        holdings = self.state.holdings
        if name in holdings:
            return name
        if len(holdings) >= self.datasets_max:
            name = OTHER_DATASETS
        holdings.setdefault(name, empty_holding())
        return name

    def _held_nowhere_else(self, ids: BitMap64, *, dataset: str) -> BitMap64:
        for name, holding in self.state.holdings.items():
            if name != dataset:
                ids = unheld(unheld(ids, holding.base), holding.recent)
        return ids

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
