"""Step 5 of 7: daily summaries of all institutions -> what one judge needs to know of the others.

Built once an event-time day, from the days that ended at least `lag_days` before, to hold from
that day on. The builder is pure: the same summaries give the same reference, byte for byte.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.calibration.tail import Tail, fit
from detectors.features.baseline import LEARNT_WINDOWS, upper_quantile
from detectors.verdict import DailySummary, Run

# The budget is in days, and an incident that grows speaks on more than one.
_ALERT_DAYS_PER_INCIDENT: Final = 1.2
# The realised rate moves the threshold only as far as so many alert-days of evidence let it, and
# never by more than this factor: who sends nothing for weeks may not open the gate.
_ALERT_DAYS_PRIOR: Final = 10.0
_CORRECTION_MAX: Final = 2.0
# So many settled days must be known before the first ones are forgotten.
_SETTLED_DAYS_MIN: Final = 7

# The pseudo-channel of whole incidents: it is what the budget is kept on.
INCIDENT_CHANNEL: Final = "incident"


class ReferenceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the peers are pooled."""

    lag_days: Annotated[
        int, Meta(ge=1, le=30, description="a day counts once it ended this long ago")
    ] = 2
    history_days: Annotated[int, Meta(ge=7, le=730, description="days of runs that count")] = 84
    settling_days: Annotated[
        int, Meta(ge=0, le=365, description="first days of the platform, kept out of the tails")
    ] = 21
    peer_quantile: Annotated[float, Meta(ge=0.5, lt=1, description="of the peers' own usual")] = 0.5
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
    tails: Annotated[
        dict[str, dict[str, Tail]], Meta(description="by peer group and channel; '' is everybody")
    ]
    institution_days: Annotated[int, Meta(ge=0, description="days behind the tails")] = 0
    alert_days: Annotated[int, Meta(ge=0, description="of these, days with an alert")] = 0


# Before any peer is known. Fitted on calibration worlds; see docs/quality.md.
PRIOR_TAILS: Final[dict[str, Tail]] = {
    "excess": Tail(knots=((3.0, -1.0), (4.0, -1.9), (4.4, -2.5)), slope=2.3),
    "sweep/sweep": Tail(knots=((3.0, -2.3),), slope=0.85),
    "sweep/slicing": Tail(knots=((3.0, -2.3),), slope=0.85),
    "drip/90d": Tail(knots=((3.7, -2.0),), slope=0.85),
    "volume/1h": Tail(knots=((3.0, -2.0),), slope=0.4),
    INCIDENT_CHANNEL: Tail(knots=((0.0, 0.0),), slope=1.0),
}
DEFAULT_TAIL: Final = Tail(knots=((0.0, 0.0),), slope=1.0)


def prior_reference(config: ReferenceConfig) -> Reference:
    """Return the reference that holds before any day has been summarised."""
    return Reference(
        version="prior", day=0, usual={"": config.usual_prior}, tails={"": dict(PRIOR_TAILS)}
    )


def usual_of(reference: Reference, group: str) -> tuple[float, ...]:
    """Return the peers' usual of `group`, or of everybody for an unknown group."""
    return reference.usual.get(group) or reference.usual[""]


def tails_of(reference: Reference, group: str) -> dict[str, Tail]:
    """Return the tails of `group`, or of everybody for an unknown group."""
    return reference.tails.get(group) or reference.tails[""]


def incident_rate(reference: Reference, *, budget_rate: float) -> float:
    """Return the p-value below which an incident is told, corrected by the realised rate.

    The past, which the tails are fitted to, may be stranger than the present.

    >>> quiet = Reference(version="", day=0, usual={}, tails={}, institution_days=4_200)
    >>> round(incident_rate(quiet, budget_rate=1.0 / 700.0) * 700.0, 2)
    1.33
    """
    expected = budget_rate * reference.institution_days
    correction = (expected + _ALERT_DAYS_PRIOR) / (reference.alert_days + _ALERT_DAYS_PRIOR)
    bounded = min(_CORRECTION_MAX, max(1.0 / _CORRECTION_MAX, correction))
    return budget_rate / _ALERT_DAYS_PER_INCIDENT * bounded


class ReferenceBuilder:
    """Collects summaries and builds the reference of a day.

    >>> builder = ReferenceBuilder(ReferenceConfig())
    >>> builder.build(20_000).version
    'prior'
    """

    __slots__ = ("_alert_days", "_days", "_first_day", "_runs", "_usual", "config")

    def __init__(self, config: ReferenceConfig) -> None:
        """Start with nobody."""
        self.config = config
        self._first_day: int | None = None
        self._days: dict[tuple[str, int], int] = {}
        self._alert_days: dict[int, int] = {}
        self._runs: dict[tuple[str, str, int], tuple[int, float, str]] = {}
        self._usual: dict[str, tuple[int, str, tuple[float, ...]]] = {}

    def add(self, summary: DailySummary) -> None:
        """Fold one institution's closed days; a repeat, as after a crash, changes nothing."""
        born = summary.day - summary.age_days
        self._first_day = born if self._first_day is None else min(self._first_day, born)
        before = summary.day - summary.days_count
        counted, _, _ = self._usual.get(summary.institution, (before, "", ()))
        for day in range(max(before, counted) + 1, summary.day + 1):
            key = (summary.group, day)
            self._days[key] = self._days.get(key, 0) + 1
        if summary.day > counted:
            _count(self._alert_days, before + 1, amount=summary.alerted)
        if summary.day >= counted:
            self._usual[summary.institution] = (summary.day, summary.group, summary.usual)
        for channel, run in summary.runs.items():
            self._fold(summary, channel, run)

    def _fold(self, summary: DailySummary, channel: str, run: Run) -> None:
        """Keep a run's peak with the day on which it was reached: there the run counts, once."""
        key = (summary.institution, channel, run.first_day)
        known = self._runs.get(key)
        if known is None or run.peak > known[1]:
            self._runs[key] = (run.peak_day, run.peak, summary.group)

    def build(self, day: int) -> Reference:
        """Return the reference that holds from `day` on, and forget what is too old for it."""
        last = day - self.config.lag_days
        first = last - self.config.history_days + 1
        self._days = {key: count for key, count in self._days.items() if key[1] >= first}
        self._alert_days = _since(first, self._alert_days)
        self._runs = {key: run for key, run in self._runs.items() if run[0] >= first}
        settled = self._settled(last)
        days: dict[str, int] = {}
        for (group, counted), count in self._days.items():
            if settled <= counted <= last:
                days[group] = days.get(group, 0) + count
        institution_days = sum(days.values())
        if not institution_days:
            return prior_reference(self.config)
        exceedances: dict[tuple[str, str], list[float]] = {}
        for (_, channel, first_day), (peak_day, peak, group) in self._runs.items():
            if settled <= first_day and peak_day <= last:
                exceedances.setdefault(("", channel), []).append(peak)
                exceedances.setdefault((group, channel), []).append(peak)
        everybody = self._tails("", exceedances, days=institution_days, priors=PRIOR_TAILS)
        tails = {"": everybody}
        for group, count in sorted(days.items()):
            tails[group] = self._tails(group, exceedances, days=count, priors=everybody)
        return Reference(
            version=f"day-{day}",
            day=day,
            usual=self._pooled(institution_days),
            tails=tails,
            institution_days=institution_days,
            alert_days=sum(n for key, n in self._alert_days.items() if settled <= key <= last),
        )

    def _tails(
        self,
        group: str,
        exceedances: dict[tuple[str, str], list[float]],
        *,
        days: int,
        priors: dict[str, Tail],
    ) -> dict[str, Tail]:
        """Return a group's tails, each shrunk to its prior."""
        channels = set(priors) | {channel for name, channel in exceedances if name == group}
        return {
            channel: fit(
                exceedances.get((group, channel), []),
                institution_days=days,
                prior=priors.get(channel, DEFAULT_TAIL),
                prior_days=self.config.prior_institution_days,
            )
            for channel in sorted(channels)
        }

    def _settled(self, last: int) -> int:
        """Return the first day that counts.

        Everything is new to ledgers that have just begun: the platform's first days say nothing
        of later ones, though while there are no others they are the best there is.
        """
        born = self._first_day or 0
        settled = born + self.config.settling_days
        return settled if last >= settled + _SETTLED_DAYS_MIN else born

    def _pooled(self, institution_days: int) -> dict[str, tuple[float, ...]]:
        groups: dict[str, list[tuple[float, ...]]] = {}
        for _, group, usual in self._usual.values():
            # Who has not settled yet has no usual of its own.
            if not usual:
                continue
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
        } or {"": self.config.usual_prior}


def _count(by_day: dict[int, int], day: int, *, amount: int) -> None:
    if amount:
        by_day[day] = by_day.get(day, 0) + amount


def _since(first: int, by_day: dict[int, int]) -> dict[int, int]:
    return {day: count for day, count in by_day.items() if day >= first}
