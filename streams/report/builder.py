"""What a replay remembers for its report: holdings as they grow, alerts as they come."""

from array import array
from collections.abc import Iterable
from itertools import islice
from typing import Final

from detectors.profile import Profile
from detectors.verdict import Alert, Effect, RaiseAlert
from streams.report.record import ALL_DATASETS, Flagged, Quiet, Track, Truth, in_order
from streams.report.unnamed import HasState

# Five minutes show a grab of an hour as a curve; months of it still fit in memory.
SAMPLE_STEP_MS: Final = 300_000
_SAMPLES_MAX: Final = 20_000
_TRACKS_MAX: Final = 5
# Institutions without an alert of which a report speaks: who has more invents names.
QUIET_MAX: Final = 10_000
# A dataset and the common track, which then says nothing else.
_ONE_DATASET: Final = 2


class Growth:
    """One holding over time, kept at every change; thinned by half when it grows too long."""

    __slots__ = ("held", "times_ms")

    def __init__(self) -> None:
        """Hold nothing."""
        self.times_ms = array("q")
        self.held = array("q")

    def note(self, held: int, *, at_ms: int) -> None:
        """Keep `held` if it changed; time never goes back."""
        if self.held and held == self.held[-1]:
            return
        if self.times_ms and at_ms <= self.times_ms[-1]:
            self.held[-1] = held
            return
        self.times_ms.append(at_ms)
        self.held.append(held)
        if len(self.held) > _SAMPLES_MAX:
            # Keep the last of each pair, so that the newest sample stays.
            odd = (len(self.held) - 1) % 2
            self.times_ms, self.held = self.times_ms[odd::2], self.held[odd::2]


class ReportBuilder:
    """Collects what a report shows; bounded per institution, whatever the length of the record."""

    __slots__ = ("_alerts", "_growth")

    def __init__(self) -> None:
        """Start empty."""
        self._growth: dict[str, dict[str, Growth]] = {}
        self._alerts: dict[str, list[Alert]] = {}

    def sample(self, profile: Profile, *, at_ms: int) -> None:
        """Note what an institution holds as of `at_ms`."""
        institution = profile.state.institution
        growths = self._growth.get(institution)
        if growths is None:
            if len(self._growth) >= QUIET_MAX and profile.state.incident is None:
                return
            growths = self._growth[institution] = {}
        ledger = profile.ledger.state
        counted = 0
        for dataset, holding in ledger.holdings.items():
            counted += holding.counted_participants
            growth = growths.get(dataset)
            if growth is None:
                growth = growths[dataset] = Growth()
            held = holding.held_participants + holding.counted_participants
            growth.note(min(profile.ledger.size_of(dataset), held), at_ms=at_ms)
        # Kept from the start: a second dataset may come at any time.
        growth = growths.setdefault(ALL_DATASETS, Growth())
        held = profile.ledger.totals.fullest_participants + counted
        growth.note(min(profile.config.cohort.size, held), at_ms=at_ms)

    def note(self, effect: Effect) -> None:
        """Keep an alert."""
        if isinstance(effect, RaiseAlert):
            self._alerts.setdefault(effect.alert.institution, []).append(effect.alert)

    @property
    def alerted(self) -> dict[str, list[Alert]]:
        """Return the alerts by institution, in the order of the first ones."""
        return self._alerts

    def flagged(self, *, cohort_size: int, truths: dict[str, Truth]) -> tuple[Flagged, ...]:
        """Return the flagged institutions, in the order in which people are shown them."""
        return in_order(
            Flagged(
                institution=institution,
                alerts=tuple(alerts),
                tracks=self._tracks(institution, cohort_size=cohort_size),
                truth=truths.get(institution),
            )
            for institution, alerts in self._alerts.items()
        )

    def quiet(self, profiles: Iterable[HasState], *, cohort_size: int) -> tuple[Quiet, ...]:
        """Return the institutions without an alert, each with its fullest track.

        Of more than `QUIET_MAX` the first ones: a list of names that nobody can read says nothing.
        """
        quiet = (
            Quiet(
                institution=profile.state.institution,
                track=self._fullest(profile.state.institution, cohort_size=cohort_size),
                events_count=profile.state.events_count,
            )
            for profile in profiles
            if profile.state.institution not in self._alerts
        )
        return tuple(islice(quiet, QUIET_MAX))

    def _fullest(self, institution: str, *, cohort_size: int) -> Track | None:
        tracks = self._tracks(institution, cohort_size=cohort_size)
        return tracks[0] if tracks else None

    def _tracks(self, institution: str, *, cohort_size: int) -> tuple[Track, ...]:
        """Return the fullest tracks, the fullest first."""
        growths = dict(self._growth.get(institution, {}))
        if len(growths) <= _ONE_DATASET:
            growths.pop(ALL_DATASETS, None)
        ranked = sorted(growths.items(), key=lambda item: (-item[1].held[-1], item[0]))
        return tuple(
            Track(
                dataset=dataset,
                times_ms=growth.times_ms,
                held_participants=growth.held,
                cohort_participants=cohort_size,
            )
            for dataset, growth in ranked[:_TRACKS_MAX]
        )
