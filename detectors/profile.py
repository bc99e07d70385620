"""Steps 3 to 6 of 7: all that is known of one institution: plain state, and the machines on it.

The registry says which machines there are. Each detector's state is kept beside the profile's,
under the detector's name; whoever is switched off goes on learning, to be ready.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from detectors.calibration.budget import budget_rate
from detectors.config import CoreConfig, config_hash, modes_of
from detectors.config_schedule import ConfigCursor
from detectors.detector import (
    CumulativeDetector,
    Detector,
    EventRule,
    HourlyDetector,
    SetRule,
    WindowRule,
)
from detectors.event import COUNT_MAX
from detectors.features.baseline import Baseline
from detectors.features.datasets import caps_of, catalogue_of
from detectors.features.dedupe import Dedupe
from detectors.features.evaluation_gate import EvaluationGate
from detectors.features.ledger import Ledger
from detectors.features.ledger_state import LedgerState
from detectors.features.takers import Takers
from detectors.features.windows import Windows
from detectors.instants import HOUR_MS
from detectors.peers.reference import Reference, References, prior_reference
from detectors.profile_state import ProfileMemory, ProfileState
from detectors.register import Institution
from detectors.registry import DETECTORS, channels_in


class Profile:
    """One institution's judge: state and machines. Built by `open_profile` or from a snapshot.

    `learners` are all detectors, `hourly` those that learn each hour too, `cumulative` those whose
    evidence outlasts the windows, and `detectors` those that are asked for a score.
    """

    __slots__ = (
        "baseline",
        "budget_rate",
        "config",
        "config_cursor",
        "cumulative",
        "dedupe",
        "detector_states",
        "detectors",
        "entry",
        "gate",
        "hourly",
        "learners",
        "ledger",
        "reference",
        "references",
        "registered",
        "rules",
        "set_participants_min",
        "set_rules",
        "shadow",
        "state",
        "takers",
        "weights",
        "window_rules",
        "windows",
    )

    def __init__(
        self,
        memory: ProfileMemory,
        *,
        config: CoreConfig,
        entry: Institution,
        reference: Reference,
    ) -> None:
        """Wire the machines to their state."""
        self.state = memory.state
        self.detector_states = {
            name: memory.detectors.get(name) or row.state()
            for name, row in DETECTORS.items()
            if row.state is not None
        }
        self.reference = reference
        # Where the reference of each day is looked up; without it, the one given holds.
        self.references: References | None = None
        self.config_cursor = ConfigCursor()
        self.dedupe = Dedupe(config.dedupe, memory.dedupe)
        self.windows = Windows(memory.state.windows)
        self.takers = Takers(memory.state.takers)
        self.registered = entry
        self.apply_config(config, memory.ledger)

    def apply_config(self, config: CoreConfig, ledger: LedgerState) -> None:
        """Judge under a configuration of the same cohort; models are learnt as after a restart."""
        self.config = config
        modes = modes_of(config)
        self.budget_rate = budget_rate(config.budget)
        self.baseline = Baseline(config.baseline, self.state.baseline)
        machines = _detectors(config, self.detector_states)
        self.learners = tuple(machines.values())
        self.hourly = tuple(
            machine for machine in self.learners if isinstance(machine, HourlyDetector)
        )
        self.cumulative = tuple(
            machine for machine in self.learners if isinstance(machine, CumulativeDetector)
        )
        self.detectors = tuple(
            machine for name, machine in machines.items() if modes[name] != "off"
        )
        self.window_rules = _window_rules(config, modes=modes)
        self.set_rules = _set_rules(config, self.detector_states, modes=modes)
        # Nobody has so many people, and each event asks.
        self.set_participants_min = min(
            (rule.participants_min for rule in self.set_rules.values()), default=COUNT_MAX
        )
        self.apply_register(ledger)
        self.shadow = frozenset(name for name, mode in modes.items() if mode == "shadow")
        self.weights = _weights(config, modes=modes)
        self.gate = EvaluationGate(
            floor_participants=config.detectors.excess.floor_cohort_ratio * config.cohort.size,
            growth_ratio=config.policy.evaluation_growth_ratio,
        )
        self.begin_hour()

    @property
    def config_hash(self) -> str:
        """Return the name under which alerts quote the config; nothing else asks for it."""
        return config_hash(self.config)

    def begin_hour(self) -> None:
        """Measure the open hour by what it usually has, as far as learnt."""
        today = self.state.today
        at_ms = today.hour * HOUR_MS
        usual_bytes = max((machine.expected_bytes(at_ms) for machine in self.hourly), default=0.0)
        self.gate.begin_hour(usual_bytes=usual_bytes, judged_bytes=today.judged_bytes)

    def apply_register(self, ledger: LedgerState) -> None:
        """Judge by the register as it is now; an entry that came as an instruction goes first."""
        entry = self.state.entry or self.registered
        exemptions = (*entry.exemptions, *self.state.exemptions)
        # What is granted to one institution is said of it; the rest is declared for all.
        caps = caps_of(self.config.datasets) | entry.dataset_caps
        self.entry = msgspec.structs.replace(entry, exemptions=exemptions, dataset_caps=caps)
        self.ledger = Ledger(
            ledger,
            self.entry,
            datasets_max=self.config.cohort.datasets_max,
            cohort_size=self.config.cohort.size,
            catalogue=catalogue_of(self.config.datasets),
            has_spaces=self.config.cohort.has_spaces,
        )
        self.rules = _event_rules(self.config, self.entry)


def _detectors(config: CoreConfig, states: Mapping[str, Struct]) -> dict[str, Detector]:
    """Return the detectors that score an institution's windows, the switched off ones too."""
    detectors = {}
    for name, row in DETECTORS.items():
        if row.detector is not None:
            settings = getattr(config.detectors, name)
            remembered = () if row.state is None else (states[name],)
            detectors[name] = row.detector(settings, *remembered)
    return detectors


def _window_rules(config: CoreConfig, *, modes: Mapping[str, str]) -> tuple[WindowRule, ...]:
    """Return the rules on windows that have a limit to check."""
    rules = (
        row.window_rule(getattr(config.detectors, name))
        for name, row in DETECTORS.items()
        if row.window_rule is not None and modes[name] != "off"
    )
    return tuple(rule for rule in rules if rule is not None)


def _set_rules(
    config: CoreConfig, states: Mapping[str, Struct], *, modes: Mapping[str, str]
) -> dict[str, SetRule]:
    """Return the rules that compare sets of people."""
    cohort = config.cohort
    return {
        name: row.set_rule(
            getattr(config.detectors, name),
            states[name],
            cohort=cohort.everybody,
            has_spaces=cohort.has_spaces,
        )
        for name, row in DETECTORS.items()
        if row.set_rule is not None and modes[name] != "off"
    }


def _event_rules(config: CoreConfig, entry: Institution) -> tuple[EventRule, ...]:
    """Return the rules on events that have something to check for this institution."""
    modes = modes_of(config)
    rules = (
        row.event_rule(getattr(config.detectors, name), entry)
        for name, row in DETECTORS.items()
        if row.event_rule is not None and modes[name] != "off"
    )
    return tuple(rule for rule in rules if rule is not None)


def _weights(config: CoreConfig, *, modes: Mapping[str, str]) -> dict[str, float]:
    """Return each channel's share of the budget: a detector's weight, split evenly."""
    weights: dict[str, float] = {}
    for name, row in DETECTORS.items():
        settings = getattr(config.detectors, name)
        channels = channels_in(row, settings) if modes[name] == "on" else ()
        weights |= {channel: settings.weight / len(channels) for channel in channels}
    return weights


def open_profile(
    institution: str,
    *,
    config: CoreConfig,
    entry: Institution | None = None,
    reference: Reference | None = None,
) -> Profile:
    """Return the profile of an institution never seen before."""
    return Profile(
        ProfileMemory(state=ProfileState(institution=institution)),
        config=config,
        entry=entry or Institution(id=institution),
        reference=reference or prior_reference(config.reference),
    )


def apply_reference(profile: Profile, reference: Reference) -> None:
    """Judge against `reference` from now on."""
    profile.reference = reference


def follow_references(profile: Profile, references: References) -> None:
    """Judge each day against the reference of that day; the open one as it was begun.

    A saved state may be further than what is read of the references: told again, it is mended.
    """
    day = profile.state.today.reference_day
    if profile.references is not references or profile.reference.day != day:
        profile.references = references
        profile.reference = references.recorded(day)


def due_day(profile: Profile) -> int | None:
    """Return the day that begins by time alone: after an active one, or after an incident."""
    today, incident = profile.state.today, profile.state.incident
    if today.active:
        return today.day + 1
    if incident is None:
        return None
    return max(today.day, incident.last_day + profile.config.policy.quiet_days) + 1
