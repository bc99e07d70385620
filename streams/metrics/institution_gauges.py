"""Step 7 of 7: a profile -> how its institution stands, and the gauges that show it.

The labels are bounded: institutions and datasets beyond their maximum share `other`, which shows
the worst of them. Labels go to who has an open incident, the gravest first, and then by name: idle
names that came first, or a restart, take nobody's label. Nobody is called `other`. Whoever is
judged elsewhere after a rebalance is shown there, and no longer here.
"""

from collections.abc import Collection, Iterable, Mapping
from heapq import nsmallest
from itertools import islice
from math import inf
from typing import Final

from msgspec import Struct
from prometheus_client import Gauge

from detectors.features.failures import failures_of
from detectors.features.windows import MONTH_DAYS, Quantity, Window
from detectors.instants import DAY_MS, SECOND_MS
from detectors.pipeline import Profile
from detectors.policy.unreadable import unreadable_events
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
    repeats_ratio: float = 0.0
    errors_with_bytes_ratio: float = 0.0
    # Of the last 7 days: judged in part, or rejected.
    unreadable_events: int = 0


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
        repeats_ratio=profile.state.repeats_ratio,
        errors_with_bytes_ratio=failures_of(
            profile.state.failures, profile.state.today.day
        ).with_bytes_ratio,
        unreadable_events=unreadable_events(profile),
    )


class InstitutionGauges:
    """The gauges that have a label by institution."""

    __slots__ = (
        "_amounts",
        "_coverage",
        "_distance",
        "_incident",
        "_institutions_max",
    )

    def __init__(
        self,
        *,
        coverage: Gauge,
        incident: Gauge,
        distance: Gauge,
        amounts: Mapping[str, Gauge],
        institutions_labelled_max: int,
    ) -> None:
        """Keep the gauges; nobody has a label yet.

        `amounts` are shown where there is any, each by the name of the status's field.
        """
        self._coverage = Series(coverage)
        self._incident = Series(incident)
        self._distance = Series(distance)
        self._amounts = {name: Series(gauge) for name, gauge in amounts.items()}
        self._institutions_max = institutions_labelled_max

    def show(self, statuses: Iterable[InstitutionStatus], *, names: Collection[str] = ()) -> None:
        """Show these and nobody else; `names` are judged here too, but not in memory."""
        shown = list(statuses)
        gravest = sorted(shown, key=lambda status: (-status.severity, status.institution))
        raised = [status for status in gravest if status.severity]
        institutions = _labelled(
            (status.institution for status in raised),
            {status.institution for status in shown}.union(names),
            labelled_max=self._institutions_max,
        )
        datasets = _labelled(
            (name for status in raised for name in sorted(status.coverage)),
            {name for status in shown for name in status.coverage},
            labelled_max=DATASETS_LABELLED_MAX,
        )
        coverage: dict[tuple[str, ...], float] = {}
        incidents: dict[tuple[str, ...], float] = {}
        distances: dict[tuple[str, ...], float] = {}
        for status in shown:
            who = _who(status, institutions)
            incidents[who] = max(status.severity, incidents.get(who, 0.0))
            distances[who] = min(status.limit_distance_seconds, distances.get(who, inf))
            for dataset, ratio in status.coverage.items():
                where = (*who, dataset if dataset in datasets else OTHER)
                coverage[where] = max(ratio, coverage.get(where, 0.0))
        self._coverage.show(coverage)
        self._incident.show(incidents)
        self._distance.show(distances)
        for name, series in self._amounts.items():
            series.show(_largest(shown, name, institutions))


def _largest(
    statuses: Iterable[InstitutionStatus], name: str, labelled: Collection[str]
) -> dict[tuple[str, ...], float]:
    """Return the largest amount of each label; of nothing no series."""
    amounts: dict[tuple[str, ...], float] = {}
    for status in statuses:
        if amount := getattr(status, name):
            who = _who(status, labelled)
            amounts[who] = max(amount, amounts.get(who, 0.0))
    return amounts


def _who(status: InstitutionStatus, labelled: Collection[str]) -> tuple[str, str]:
    if status.institution in labelled:
        return (status.institution, status.jurisdiction)
    return (OTHER, OTHER)


def _labelled(first: Iterable[str], names: Collection[str], *, labelled_max: int) -> set[str]:
    """Return who gets a label: the first ones in their order, then by name, as far as they go."""
    labelled = dict.fromkeys(name for name in first if name != OTHER)
    if len(labelled) < labelled_max:
        left = labelled_max - len(labelled)
        labelled |= dict.fromkeys(nsmallest(left, (set(names) - labelled.keys()) - {OTHER}))
    return set(islice(labelled, labelled_max))


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
