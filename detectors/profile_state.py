"""Step 3 of 7: what is known of one institution, as plain numbers that survive a restart."""

from typing import Final

from msgspec import Struct, field

from detectors.config_schedule import FILE_SEQUENCE
from detectors.event import AccessEvent
from detectors.features.baseline import LEARNT_WINDOWS, BaselineState
from detectors.features.dedupe import DedupeState
from detectors.features.failures import FailuresState
from detectors.features.hour_takers import HourTakers
from detectors.features.ledger import Taken
from detectors.features.ledger_state import LedgerState
from detectors.features.takers import TakersState
from detectors.features.windows import AMOUNT_MAX, WindowsState
from detectors.feedback import Label
from detectors.incident import AlertSubject, Incident
from detectors.register import Exemption, Institution
from detectors.verdict import Run

# Names of which the judge of all unknown ones knows what was taken under them.
_UNREGISTERED_MAX: Final = 64
# An active day stands for the week that it begins.
_COVERED_DAYS: Final = 7


class OpenRun(Struct, kw_only=True):
    """A run that may still go on: `mark` is the score at its last growth, on `last_day`.

    Days are since the epoch, UTC; `peak` and `mark` are scores of the run's channel. What people
    were told of bears its alert, and what it would have taken to be told of alone.
    """

    first_day: int
    last_day: int
    peak_day: int
    peak: float
    mark: float
    alert_id: str = ""
    alert_score: float = 0.0


class Unnamed(Struct, kw_only=True, omit_defaults=True):
    """What left of which nothing says whose data it was, nor of how many people."""

    events_count: int = 0
    bytes: int = 0


class DayState(Struct, kw_only=True):
    """The open day and its open hour: maxima, and what the judge last looked at."""

    day: int = -1
    # Whether it has had an event, and the day of the reference by which it is judged.
    active: bool = False
    reference_day: int = 0
    maxima: list[int] = field(default_factory=lambda: [0] * len(LEARNT_WINDOWS))
    judged: list[int] = field(default_factory=lambda: [0] * len(LEARNT_WINDOWS))
    judged_bytes: int = 0
    hour: int = -1
    hour_bytes: int = 0
    hour_takers: HourTakers = field(default_factory=HourTakers)
    hour_unnamed_bytes: int = 0
    new: int = 0
    published_participants: int = 0
    alerted: bool = False
    unlearnt: bool = False
    # By user: first, last and number of the participants taken last, and for which fields.
    pages: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    unapproved_participants_before: int = 0
    held_before: dict[str, int] = field(default_factory=dict)
    counted_before: dict[str, int] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    # By alert: what people said of it since the last summary.
    labels: dict[str, Label] = field(default_factory=dict)


class PValuePenalty(Struct, kw_only=True):
    """After a false positive: what a detector's p-values are raised by, and until when.

    It ends before, once more unapproved people are held than `participants_max`.
    """

    factor: float
    until_ms: int
    participants_max: int | None = None


class ProfileState(Struct, kw_only=True):
    """What survives a restart, the holdings and what detectors remember apart."""

    institution: str
    frontier_ms: int = 0
    first_day: int = -1
    last_active_day: int = -1
    # Up to this day, what people were told of is no evidence any more.
    told_day: int = -1
    events_count: int = 0
    repeats_count: int = 0
    # Events judged in part, and how often each thing in them was mended.
    repaired_count: int = 0
    repairs: dict[str, int] = field(default_factory=dict)
    # Records that could not be judged, by reason.
    rejected_count: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    late_count: int = 0
    counted_events: int = 0
    unnamed: Unnamed = field(default_factory=Unnamed)
    failures: FailuresState = field(default_factory=FailuresState)
    incidents_count: int = 0
    chain: bytes = b""
    windows: WindowsState = field(default_factory=WindowsState)
    takers: TakersState = field(default_factory=TakersState)
    baseline: BaselineState = field(default_factory=BaselineState)
    today: DayState = field(default_factory=DayState)
    open_runs: dict[str, OpenRun] = field(default_factory=dict)
    incident: Incident | None = None
    # By alert, the latest last: what it was about.
    alert_subjects: dict[str, AlertSubject] = field(default_factory=dict)
    instruction_sequence: int = -1
    config_sequence: int = FILE_SEQUENCE
    entry: Institution | None = None
    # Under which names it was judged before, by identity.
    former_names: list[str] = field(default_factory=list)
    # Of the judge of all unknown names: how many new participants were taken under which.
    unregistered: dict[str, int] = field(default_factory=dict)
    exemptions: list[Exemption] = field(default_factory=list)
    penalties: dict[str, PValuePenalty] = field(default_factory=dict)

    @property
    def repeats_ratio(self) -> float:
        """How much of the institution's events repeat others, from 0 to 1."""
        return self.repeats_count / max(1, self.events_count + self.repeats_count)


class ProfileMemory(Struct, kw_only=True):
    """All that survives a restart of one institution's judge."""

    state: ProfileState
    # What each detector remembers, under the detector's name; one that is absent begins anew.
    detectors: dict[str, Struct] = field(default_factory=dict)
    dedupe: DedupeState = field(default_factory=DedupeState)
    ledger: LedgerState = field(default_factory=LedgerState)


def note_active(state: ProfileState, *, settling_days: int) -> None:
    """Note that the open day is an active one; a young institution ages by such days alone.

    Each stands for the week that it begins: of one old date, little is known of who really begins
    long after. Who has settled stays so, however long it was silent.
    """
    day, last_day = state.today.day, state.last_active_day
    state.last_active_day = max(day, last_day)
    if 0 <= last_day < state.baseline.first_day + settling_days:
        state.baseline.first_day += max(0, day - last_day - _COVERED_DAYS)


def note_unnamed(state: ProfileState, event: AccessEvent, taken: Taken) -> None:
    """Count an event by which nobody is named: it counts people, or left without a word of them."""
    if taken.named:
        return
    if taken.read:
        state.counted_events += 1
        return
    unnamed, today = state.unnamed, state.today
    unnamed.events_count += 1
    unnamed.bytes = min(AMOUNT_MAX, unnamed.bytes + event.bytes)
    today.hour_unnamed_bytes = min(AMOUNT_MAX, today.hour_unnamed_bytes + event.bytes)


def note_unregistered(state: ProfileState, name: str, gained: int) -> bool:
    """Note what is taken under a name that the register does not know; tell whether it is news."""
    names = state.unregistered
    is_new = name not in names
    names[name] = min(AMOUNT_MAX, names.get(name, 0) + gained)
    if len(names) > _UNREGISTERED_MAX:
        # Bounded, whatever names are invented: those under which least was taken are forgotten.
        del names[min(names, key=lambda each: (names[each], each))]
    return is_new and name in names
