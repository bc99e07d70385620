"""Step 7 of 7: a profile -> how its institution stands, and the gauges that show it.

The labels are bounded: institutions and datasets beyond their maximum share `other`, which shows
the worst of them. Whoever is judged elsewhere after a rebalance is shown there, and no longer here.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Final

from msgspec import Struct
from prometheus_client import Gauge

from detectors.features.windows import MONTH_DAYS, Quantity, Window
from detectors.instants import DAY_MS, SECOND_MS
from detectors.pipeline import Profile
from detectors.verdict import SEVERITIES
from streams.metrics.series import Series

OTHER: Final = "other"
UNKNOWN: Final = "unknown"
DATASETS_LABELLED_MAX: Final = 20

_DAY_SECONDS: Final = DAY_MS / SECOND_MS


class InstitutionStatus(Struct, frozen=True, kw_only=True):
    """How one institution stands."""

    institution: str
    jurisdiction: str = UNKNOWN
    coverage: Mapping[str, float] = {}
    severity: int = 0
    limit_distance_seconds: float = inf
    unnamed_events: int = 0


def institution_status(profile: Profile) -> InstitutionStatus:
    """Return how the institution of `profile` stands."""
    incident = profile.state.incident
    return InstitutionStatus(
        institution=profile.state.institution,
        jurisdiction=profile.entry.jurisdiction or UNKNOWN,
        coverage={
            name: min(
                1.0,
                (holding.held_participants + holding.counted_participants)
                / profile.ledger.size_of(name),
            )
            for name, holding in profile.ledger.state.holdings.items()
        },
        severity=SEVERITIES.index(incident.severity) + 1 if incident and incident.raised else 0,
        limit_distance_seconds=_limit_distance_seconds(profile),
        unnamed_events=profile.state.unnamed.events_count,
    )


class InstitutionGauges:
    """The gauges that have a label by institution."""

    __slots__ = (
        "_coverage",
        "_datasets",
        "_distance",
        "_incident",
        "_institutions",
        "_institutions_max",
        "_unnamed",
    )

    def __init__(
        self,
        *,
        coverage: Gauge,
        incident: Gauge,
        distance: Gauge,
        unnamed: Gauge,
        institutions_labelled_max: int,
    ) -> None:
        """Keep the gauges; nobody has a label yet."""
        self._coverage = Series(coverage)
        self._incident = Series(incident)
        self._distance = Series(distance)
        self._unnamed = Series(unnamed)
        self._institutions: set[str] = set()
        self._institutions_max = institutions_labelled_max
        self._datasets: set[str] = set()

    def show(self, statuses: Iterable[InstitutionStatus]) -> None:
        """Show these and nobody else."""
        shown = list(statuses)
        self._institutions &= {status.institution for status in shown}
        coverage: dict[tuple[str, ...], float] = {}
        incidents: dict[tuple[str, ...], float] = {}
        distances: dict[tuple[str, ...], float] = {}
        unnamed: dict[tuple[str, ...], float] = {}
        for status in shown:
            who = self._who(status)
            incidents[who] = max(status.severity, incidents.get(who, 0.0))
            distances[who] = min(status.limit_distance_seconds, distances.get(who, inf))
            if status.unnamed_events:
                unnamed[who] = max(status.unnamed_events, unnamed.get(who, 0.0))
            for dataset, ratio in status.coverage.items():
                where = (*who, _label(dataset, self._datasets, DATASETS_LABELLED_MAX))
                coverage[where] = max(ratio, coverage.get(where, 0.0))
        self._coverage.show(coverage)
        self._incident.show(incidents)
        self._distance.show(distances)
        self._unnamed.show(unnamed)

    def _who(self, status: InstitutionStatus) -> tuple[str, str]:
        label = _label(status.institution, self._institutions, self._institutions_max)
        return (label, OTHER if label == OTHER else status.jurisdiction)


def _label(name: str, labelled: set[str], labelled_max: int) -> str:
    """Return the label of `name`: itself, or `other` once all labels are taken."""
    if name not in labelled:
        if len(labelled) >= labelled_max:
            return OTHER
        labelled.add(name)
    return name


def _limit_distance_seconds(profile: Profile) -> float:
    state = profile.state
    size = profile.config.cohort.size
    limit = min(size, profile.entry.participants_max or size)
    left = limit - profile.ledger.totals.fullest_participants
    if left <= 0:
        return 0.0
    days = min(MONTH_DAYS, max(1, state.frontier_ms // DAY_MS - state.first_day + 1))
    gained = profile.windows.total(Window.MONTH, Quantity.GAINED)
    return left / gained * days * _DAY_SECONDS if gained else inf
