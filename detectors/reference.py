"""Step 5 of 7: daily summaries of all institutions -> what one judge needs to know of the others.

Built once an event-time day, from the days that ended at least `lag_days` before, to hold from
that day on. The builder is pure: the same summaries give the same reference, byte for byte.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.calibration.tail import Tail, fit
from detectors.features.baseline import LEARNT_WINDOWS, upper_quantile
from detectors.verdict import DailySummary, Run

# What an incident is taken to speak before any has: on one day and a half, as if seen in ten.
_ALERT_DAYS_PRIOR: Final = 1.5
_INCIDENTS_PRIOR: Final = 10.0

# The pseudo-channel of whole incidents: it is what the budget is kept on.
INCIDENT_CHANNEL: Final = "incident"


class ReferenceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the peers are pooled."""

    lag_days: Annotated[
        int, Meta(ge=1, le=30, description="a day counts once it ended this long ago")
    ] = 2
    history_days: Annotated[int, Meta(ge=7, le=730, description="days of runs that count")] = 42
    settling_days: Annotated[
        int, Meta(ge=0, le=365, description="first days of an institution, kept out of the tails")
    ] = 21
    peer_quantile: Annotated[
        float, Meta(gt=0.5, lt=1, description="of the peers' own upper quantiles")
    ] = 0.9
    prior_institution_days: Annotated[
        float, Meta(gt=0, description="what the built-in tails weigh, in institution-days")
    ] = 200.0
    usual_prior: Annotated[
        tuple[float, float, float, float],
        Meta(description="usual in 1 h, 1 d, 7 d, 30 d before peers are known, of 500,000 people"),
    ] = (500.0, 1_000.0, 2_500.0, 6_000.0)


class Reference(Struct, frozen=True, kw_only=True):
    """What holds from `day` on. `version` names it in every verdict that used it."""

    version: str
    day: int
    usual: dict[str, tuple[float, ...]]
    tails: dict[str, Tail]
    alert_days_per_incident: Annotated[
        float, Meta(ge=1, description="on how many days an incident speaks: the budget is in days")
    ] = 1.0


# Before any peer is known. Fitted on calibration worlds; see docs/quality.md.
PRIOR_TAILS: Final[dict[str, Tail]] = {
    "excess/1h": Tail(intercept=-0.1, slope=0.38),
    "excess/1d": Tail(intercept=0.3, slope=0.37),
    "excess/7d": Tail(intercept=0.0, slope=0.33),
    "excess/30d": Tail(intercept=1.1, slope=0.40),
    "sweep/1d": Tail(intercept=0.0, slope=0.35),
    "drip/90d": Tail(intercept=1.1, slope=0.40),
    "volume/1h": Tail(intercept=0.2, slope=0.79),
    INCIDENT_CHANNEL: Tail(intercept=-0.6, slope=0.75),
}
DEFAULT_TAIL: Final = Tail(intercept=0.0, slope=1.0)


def prior_reference(config: ReferenceConfig) -> Reference:
    """Return the reference that holds before any day has been summarised."""
    return Reference(
        version="prior", day=0, usual={"": config.usual_prior}, tails=dict(PRIOR_TAILS)
    )


def usual_of(reference: Reference, group: str) -> tuple[float, ...]:
    """Return the peers' usual of `group`, or of everybody for an unknown group."""
    return reference.usual.get(group) or reference.usual[""]


class ReferenceBuilder:
    """Collects summaries and builds the reference of a day.

    >>> builder = ReferenceBuilder(ReferenceConfig())
    >>> builder.build(20_000).version
    'prior'
    """

    __slots__ = ("_alert_days", "_days", "_raised", "_runs", "_usual", "config")

    def __init__(self, config: ReferenceConfig) -> None:
        """Start with nobody."""
        self.config = config
        self._days: dict[int, int] = {}
        self._alert_days: dict[int, int] = {}
        self._raised: dict[int, int] = {}
        self._runs: dict[tuple[str, str, int], tuple[int, float]] = {}
        self._usual: dict[str, tuple[int, str, tuple[float, ...]]] = {}

    def add(self, summary: DailySummary) -> None:
        """Fold one institution's closed days; a repeat, as after a crash, changes nothing."""
        # Everything is new to a ledger that has just begun: such days say nothing of later ones.
        settled = summary.day - summary.age_days + self.config.settling_days
        before = summary.day - summary.days_count
        counted, _, _ = self._usual.get(summary.institution, (before, "", ()))
        for day in range(max(settled, before + 1, counted + 1), summary.day + 1):
            self._days[day] = self._days.get(day, 0) + 1
        if summary.day > counted and summary.day >= settled:
            _count(self._alert_days, before + 1, amount=summary.alerted)
            _count(self._raised, before + 1, amount=summary.raised)
        if summary.day >= counted:
            self._usual[summary.institution] = (summary.day, summary.group, summary.usual)
        for channel, run in summary.runs.items():
            if run.first_day >= settled:
                self._fold(summary.institution, channel, run, day=summary.day)

    def _fold(self, institution: str, channel: str, run: Run, *, day: int) -> None:
        key = (institution, channel, run.first_day)
        latest, peak = self._runs.get(key, (day, 0.0))
        self._runs[key] = (max(latest, day), max(peak, run.peak))

    def build(self, day: int) -> Reference:
        """Return the reference that holds from `day` on, and forget what is too old for it."""
        last = day - self.config.lag_days
        first = last - self.config.history_days + 1
        self._days = _since(first, self._days)
        self._alert_days = _since(first, self._alert_days)
        self._raised = _since(first, self._raised)
        self._runs = {key: run for key, run in self._runs.items() if run[0] >= first}
        institution_days = sum(count for key, count in self._days.items() if key <= last)
        prior = prior_reference(self.config)
        if not institution_days:
            return prior
        exceedances: dict[str, list[float]] = {}
        for (_, channel, first_day), (_, peak) in self._runs.items():
            if first_day <= last:
                exceedances.setdefault(channel, []).append(peak)
        tails = dict(PRIOR_TAILS)
        for channel, scores in exceedances.items():
            tails[channel] = fit(
                scores,
                institution_days=institution_days,
                prior=PRIOR_TAILS.get(channel, DEFAULT_TAIL),
                prior_days=self.config.prior_institution_days,
            )
        return Reference(
            version=f"day-{day}",
            day=day,
            usual=self._pooled(institution_days),
            tails=tails,
            alert_days_per_incident=self._alert_days_per_incident(last),
        )

    def _alert_days_per_incident(self, last: int) -> float:
        alert_days = sum(count for key, count in self._alert_days.items() if key <= last)
        raised = sum(count for key, count in self._raised.items() if key <= last)
        prior_days = _ALERT_DAYS_PRIOR * _INCIDENTS_PRIOR
        return max(1.0, (alert_days + prior_days) / (raised + _INCIDENTS_PRIOR))

    def _pooled(self, institution_days: int) -> dict[str, tuple[float, ...]]:
        groups: dict[str, list[tuple[float, ...]]] = {}
        for _, group, usual in self._usual.values():
            groups.setdefault(group, []).append(usual)
            groups.setdefault("", []).append(usual)
        weight = institution_days / (institution_days + self.config.prior_institution_days)
        return {
            group: tuple(
                weight
                * upper_quantile(
                    sorted(int(usual[place]) for usual in members),
                    quantile=self.config.peer_quantile,
                )
                + (1.0 - weight) * self.config.usual_prior[place]
                for place in range(len(LEARNT_WINDOWS))
            )
            for group, members in sorted(groups.items())
        }


def _count(by_day: dict[int, int], day: int, *, amount: int) -> None:
    if amount:
        by_day[day] = by_day.get(day, 0) + amount


def _since(first: int, by_day: dict[int, int]) -> dict[int, int]:
    return {day: count for day, count in by_day.items() if day >= first}
