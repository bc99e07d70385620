"""Steps 3 to 6 of 7: all that is known of one institution, and the machines that work on it."""

from collections.abc import Mapping
from math import ceil
from typing import Final

import msgspec
from msgspec import Struct, field

from detectors.calibration.budget import budget_rate
from detectors.config import CoreConfig, config_hash
from detectors.config_schedule import FILE_SEQUENCE, NEVER_MS, Schedule
from detectors.detector import Detector, EventRule
from detectors.features.baseline import LEARNT_WINDOWS, Baseline, BaselineState
from detectors.features.dedupe import Dedupe, DedupeState
from detectors.features.ledger import Ledger, LedgerState
from detectors.features.windows import Windows, WindowsState
from detectors.incident import Incident
from detectors.instants import HOUR_MS
from detectors.models.canary import Canary
from detectors.models.coverage import Coverage
from detectors.models.drip import Drip, DripState
from detectors.models.excess import Excess
from detectors.models.multivariate import Multivariate, MultivariateState
from detectors.models.quota import Quota
from detectors.models.scope import Scope
from detectors.models.sweep import Sweep
from detectors.models.volume import Volume, VolumeState
from detectors.reference import Reference, prior_reference
from detectors.register import Exemption, Institution
from detectors.registry import DETECTORS
from detectors.verdict import Run

# Fewer bytes an hour are nothing to look at.
_BYTES_FLOOR: Final = 1_000_000
_BYTES_GROWTH: Final = 2


class OpenRun(Struct, kw_only=True):
    """A run that may still go on: `mark` is the score at its last growth, on `last_day`."""

    first_day: int
    last_day: int
    peak_day: int
    peak: float
    mark: float


class DayState(Struct, kw_only=True):
    """The open day: maxima, who took how much, and what the judge last looked at."""

    day: int = -1
    maxima: list[int] = field(default_factory=lambda: [0] * len(LEARNT_WINDOWS))
    judged: list[int] = field(default_factory=lambda: [0] * len(LEARNT_WINDOWS))
    judged_bytes: int = 0
    hour: int = -1
    hour_bytes: int = 0
    new: int = 0
    published_participants: int = 0
    alerted: bool = False
    unlearnt: bool = False
    # By user: the first, the last and the number of the people taken last, and for which fields.
    pages: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[int, str]] = field(default_factory=list)
    people_before: int = 0
    held_before: dict[str, int] = field(default_factory=dict)
    counted_before: dict[str, int] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)


class PValuePenalty(Struct, kw_only=True):
    """After a false positive: what a detector's p-values are raised by, and until when."""

    factor: float
    until_ms: int


class ProfileState(Struct, kw_only=True):
    """What survives a restart, the holdings apart."""

    institution: str
    frontier_ms: int = 0
    first_day: int = -1
    events_count: int = 0
    repeats_count: int = 0
    late_count: int = 0
    counted_events: int = 0
    incidents_count: int = 0
    chain: bytes = b""
    windows: WindowsState = field(default_factory=WindowsState)
    baseline: BaselineState = field(default_factory=BaselineState)
    volume: VolumeState = field(default_factory=VolumeState)
    drip: DripState = field(default_factory=DripState)
    multivariate: MultivariateState = field(default_factory=MultivariateState)
    today: DayState = field(default_factory=DayState)
    open_runs: dict[str, OpenRun] = field(default_factory=dict)
    incident: Incident | None = None
    instruction_sequence: int = -1
    config_sequence: int = FILE_SEQUENCE
    entry: Institution | None = None
    exemptions: list[Exemption] = field(default_factory=list)
    penalties: dict[str, PValuePenalty] = field(default_factory=dict)


class Profile:
    """One institution's judge: state and machines. Built by `open_profile` or from a snapshot."""

    __slots__ = (
        "baseline",
        "budget_rate",
        "config",
        "config_due_ms",
        "dedupe",
        "detectors",
        "drip",
        "entry",
        "floor_participants",
        "ledger",
        "modes",
        "multivariate",
        "next_evaluation_bytes",
        "next_evaluation_participants",
        "quota",
        "reference",
        "registered",
        "rules",
        "schedule",
        "shadow",
        "state",
        "usual_bytes",
        "volume",
        "weights",
        "windows",
    )

    def __init__(
        self,
        *,
        state: ProfileState,
        dedupe: DedupeState,
        ledger: LedgerState,
        config: CoreConfig,
        entry: Institution,
        reference: Reference,
    ) -> None:
        """Wire the machines to their state."""
        self.state = state
        self.reference = reference
        self.next_evaluation_participants: int | None = None
        # What was pushed holds once the judge has been shown it, see `detectors.adoption.follow`.
        self.schedule: Schedule | None = None
        self.config_due_ms = NEVER_MS
        self.dedupe = Dedupe(config.dedupe, dedupe)
        self.windows = Windows(state.windows)
        self.registered = entry
        self.apply_config(config, ledger)

    def apply_config(self, config: CoreConfig, ledger: LedgerState) -> None:
        """Judge under a configuration of the same cohort; models are learnt as after a restart."""
        state = self.state
        self.config = config
        self.modes = _modes(config)
        self.budget_rate = budget_rate(config.budget)
        self.floor_participants = config.detectors.excess.floor_cohort_ratio * config.cohort.size
        self.baseline = Baseline(config.baseline, state.baseline)
        self.volume = Volume(config.detectors.volume, state.volume)
        self.drip = Drip(config.detectors.drip, state.drip)
        self.multivariate = Multivariate(config.detectors.multivariate, state.multivariate)
        self.quota = Quota(config.detectors.quota)
        self.detectors = _detectors(self)
        self.apply_register(ledger)
        self.shadow = frozenset(name for name, mode in self.modes.items() if mode == "shadow")
        self.weights = _weights(config, modes=self.modes)
        self.update_usual_bytes()
        self.update_thresholds()

    @property
    def config_hash(self) -> str:
        """Return the name under which alerts quote the config; only they ask for it."""
        return config_hash(self.config)

    def update_thresholds(self) -> None:
        """Say how many bytes, and how many new people, make it time to judge again.

        Bytes: once the hour has more than it usually has, and then at each doubling.
        """
        judged_bytes = self.state.today.judged_bytes
        self.next_evaluation_bytes = max(
            _BYTES_FLOOR, self.usual_bytes, _BYTES_GROWTH * judged_bytes
        )
        self.next_evaluation_participants = None

    def next_evaluation_new(self) -> int:
        """Return how many new people in the open 5 minutes make it time to judge again.

        It is, once a window holds enough to matter and has grown by the set ratio since it was
        judged last. Between two changes of the closed sums only the open 5 minutes grow, so that
        an event needs one comparison instead of a look at every window.
        """
        due = self.next_evaluation_participants
        if due is None:
            least = ceil(self.floor_participants)
            growth = self.config.policy.evaluation_growth_ratio
            judged = self.state.today.judged
            due = self.next_evaluation_participants = min(
                max(least, int(judged[place] * growth) + 1) - closed
                for place, closed in enumerate(self.windows.closed_new())
            )
        return due

    def update_usual_bytes(self) -> None:
        """Remember how much the open hour usually has, as far as learnt."""
        self.usual_bytes = self.volume.expected_bytes(self.state.today.hour * HOUR_MS)

    def apply_register(self, ledger: LedgerState) -> None:
        """Judge by the register as it is now; an entry that came as an instruction goes first."""
        entry = self.state.entry or self.registered
        exemptions = (*entry.exemptions, *self.state.exemptions)
        self.entry = msgspec.structs.replace(entry, exemptions=exemptions)
        self.ledger = Ledger(
            ledger,
            self.entry,
            datasets_max=self.config.cohort.datasets_max,
            cohort_size=self.config.cohort.size,
        )
        self.rules = _rules(self.config, self.entry, modes=self.modes)


def _modes(config: CoreConfig) -> dict[str, str]:
    return {name: getattr(config.detectors, name).mode for name in DETECTORS}


def _detectors(profile: Profile) -> tuple[Detector, ...]:
    """Return the detectors that score an institution's windows."""
    settings, modes = profile.config.detectors, profile.modes
    table: tuple[tuple[str, Detector], ...] = (
        ("excess", Excess(settings.excess)),
        ("sweep", Sweep(settings.sweep)),
        ("drip", profile.drip),
        ("volume", profile.volume),
        ("multivariate", profile.multivariate),
        ("quota", profile.quota),
    )
    return tuple(detector for name, detector in table if modes[name] != "off")


def _rules(
    config: CoreConfig, entry: Institution, *, modes: Mapping[str, str]
) -> tuple[EventRule, ...]:
    """Return the rules that have something to check for this institution."""
    caps = [entry.participants_max, entry.bytes_max]
    caps += [cap for one in entry.projects for cap in (one.participants_max, one.bytes_max)]
    capped = any(cap is not None for cap in caps)
    table: tuple[tuple[str, bool, EventRule], ...] = (
        ("coverage", capped, Coverage(entry)),
        ("scope", bool(entry.projects), Scope(entry)),
        ("canary", bool(config.detectors.canary.participants), Canary(config.detectors.canary)),
    )
    return tuple(rule for name, needed, rule in table if needed and modes[name] != "off")


def _weights(config: CoreConfig, *, modes: Mapping[str, str]) -> dict[str, float]:
    """Return each channel's share of the budget: a detector's weight, split evenly."""
    return {
        channel: getattr(config.detectors, name).weight / len(channels)
        for name in DETECTORS
        if modes[name] == "on" and (channels := _channels(config, name))
        for channel in channels
    }


def _channels(config: CoreConfig, name: str) -> tuple[str, ...]:
    if name == "multivariate":
        return tuple(f"{name}/{model.name}" for model in config.detectors.multivariate.models)
    return DETECTORS[name].channels


def open_profile(
    institution: str,
    *,
    config: CoreConfig,
    entry: Institution | None = None,
    reference: Reference | None = None,
) -> Profile:
    """Return the profile of an institution never seen before."""
    return Profile(
        state=ProfileState(institution=institution),
        dedupe=DedupeState(),
        ledger=LedgerState(),
        config=config,
        entry=entry or Institution(id=institution),
        reference=reference or prior_reference(config.reference),
    )
