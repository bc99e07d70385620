"""Step 5 of 7: daily summaries of all institutions -> what one judge needs to know of the others.

Built once an event-time day, from the days that ended at least `lag_days` before, to hold from
that day on. The builder is pure: the same summaries give the same reference, byte for byte.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.calibration.tail import Tail, fit
from detectors.errors import CoreError
from detectors.features.baseline import LEARNT_WINDOWS, upper_quantile
from detectors.registry import DETECTORS, prior_tail
from detectors.verdict import DailySummary, Run

# The budget is in days, and an incident that grows speaks on more than one.
_ALERT_DAYS_PER_INCIDENT: Final = 1.2
# The realised rate moves the threshold only as far as so many alert-days of evidence let it, and
# never by more than this factor: who sends nothing for weeks may not open the gate.
_ALERT_DAYS_PRIOR: Final = 10.0
_CORRECTION_MAX: Final = 2.0
# Fewer are no peers: one institution's odd dates or long silence would become everybody's usual.
_PEERS_MIN: Final = 3
# So many settled days must be known before the first ones are forgotten.
_SETTLED_DAYS_MIN: Final = 7

# The pseudo-channel of whole incidents: it is what the budget is kept on.
INCIDENT_CHANNEL: Final = "incident"
# The pseudo-group of all institutions together.
EVERYBODY: Final = ""


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


_INCIDENT_TAIL: Final = Tail(knots=((0.0, 0.0),), slope=1.0)
# Before any peer is known: of each channel that is always there.
PRIOR_TAILS: Final[dict[str, Tail]] = {
    channel: tail for row in DETECTORS.values() for channel, tail in row.tails.items()
} | {INCIDENT_CHANNEL: _INCIDENT_TAIL}


def prior_reference(config: ReferenceConfig) -> Reference:
    """Return the reference that holds before any day has been summarised."""
    return Reference(
        version="prior",
        day=0,
        usual={EVERYBODY: config.usual_prior},
        tails={EVERYBODY: dict(PRIOR_TAILS)},
    )


def usual_of(reference: Reference, group: str) -> tuple[float, ...]:
    """Return the peers' usual of `group`, or of everybody for an unknown group."""
    return reference.usual.get(group) or reference.usual[EVERYBODY]


def tail_of(reference: Reference, group: str, channel: str) -> Tail:
    """Return a channel's tail in `group`, or among everybody for an unknown group.

    A channel that nobody has spoken on has its prior tail.

    Raises:
        CoreError: no detector has the channel.
    """
    tails = reference.tails.get(group) or reference.tails[EVERYBODY]
    tail = tails.get(channel) or _prior_tail(channel)
    if tail is None:
        msg = f"reference: no detector has the channel {channel!r}"
        raise CoreError(msg)
    return tail


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


class _Peak(Struct, frozen=True, kw_only=True):
    """The highest score of one run, and the day on which it was reached: there the run counts."""

    day: int
    score: float
    group: str


class _Latest(Struct, frozen=True, kw_only=True):
    """What an institution said of itself last."""

    day: int
    group: str
    usual: tuple[float, ...]


# Peaks by channel.
Exceedances = dict[str, list[float]]


class ReferenceBuilder:
    """Collects summaries and builds the reference of a day.

    >>> builder = ReferenceBuilder(ReferenceConfig())
    >>> builder.build(20_000).version
    'prior'
    """

    __slots__ = ("_alert_days", "_born", "_days", "_latest", "_peaks", "config")

    def __init__(self, config: ReferenceConfig) -> None:
        """Start with nobody."""
        self.config = config
        # The first day of each institution.
        self._born: dict[str, int] = {}
        # Institution-days by group and day, days with an alert by day.
        self._days: dict[tuple[str, int], int] = {}
        self._alert_days: dict[int, int] = {}
        # By institution, channel and the first day of the run.
        self._peaks: dict[tuple[str, str, int], _Peak] = {}
        self._latest: dict[str, _Latest] = {}

    def add(self, summary: DailySummary) -> None:
        """Fold one institution's closed days; a repeat, as after a crash, changes nothing."""
        born = summary.day - summary.age_days
        self._born[summary.institution] = min(born, self._born.get(summary.institution, born))
        before = summary.day - summary.days_count
        latest = self._latest.get(summary.institution)
        counted = before if latest is None else latest.day
        for day in range(max(before, counted) + 1, summary.day + 1):
            key = (summary.group, day)
            self._days[key] = self._days.get(key, 0) + 1
        if summary.day > counted and summary.alerted:
            alerted = before + 1
            self._alert_days[alerted] = self._alert_days.get(alerted, 0) + 1
        if summary.day >= counted:
            self._latest[summary.institution] = _Latest(
                day=summary.day, group=summary.group, usual=summary.usual
            )
        for channel, run in summary.runs.items():
            self._fold(summary, channel, run)

    def _fold(self, summary: DailySummary, channel: str, run: Run) -> None:
        """Keep a run's peak, once, with the day on which it was reached."""
        if _prior_tail(channel) is None:
            return  # Of a detector that this version does not have: nothing asks for its tail.
        key = (summary.institution, channel, run.first_day)
        known = self._peaks.get(key)
        if known is None or run.peak > known.score:
            self._peaks[key] = _Peak(day=run.peak_day, score=run.peak, group=summary.group)

    def build(self, day: int) -> Reference:
        """Return the reference that holds from `day` on, and forget what is too old for it."""
        last = day - self.config.lag_days
        self._forget(last - self.config.history_days + 1)
        counted = range(self._settled(last), last + 1)
        days = self._institution_days(counted)
        institution_days = sum(days.values())
        if not institution_days or len(self._born) < _PEERS_MIN:
            return prior_reference(self.config)
        return Reference(
            version=f"day-{day}",
            day=day,
            usual=self._pooled(institution_days),
            tails=self._tails_by_group(counted, days),
            institution_days=institution_days,
            alert_days=sum(count for day, count in self._alert_days.items() if day in counted),
        )

    def _forget(self, first: int) -> None:
        """Forget what was before the day `first`."""
        self._days = {key: count for key, count in self._days.items() if key[1] >= first}
        self._alert_days = {day: count for day, count in self._alert_days.items() if day >= first}
        self._peaks = {key: peak for key, peak in self._peaks.items() if peak.day >= first}

    def _settled(self, last: int) -> int:
        """Return the first day that counts.

        Everything is new to ledgers that have just begun: the platform's first days say nothing
        of later ones, though while there are no others they are the best there is.
        """
        born = self._platform_born()
        settled = born + self.config.settling_days
        return settled if last >= settled + _SETTLED_DAYS_MIN else born

    def _platform_born(self) -> int:
        """Return the first day on which there were peers: one early date is no platform."""
        days = sorted(self._born.values())
        return days[min(len(days), _PEERS_MIN) - 1] if days else 0

    def _institution_days(self, counted: range) -> dict[str, int]:
        """Return the days that count, by group."""
        days: dict[str, int] = {}
        for (group, day), count in self._days.items():
            if day in counted:
                days[group] = days.get(group, 0) + count
        return days

    def _exceedances(self, counted: range) -> dict[str, Exceedances]:
        """Return the peaks of the runs that count, by group; `EVERYBODY` has those of all."""
        by_group: dict[str, Exceedances] = {}
        for (_, channel, first_day), peak in self._peaks.items():
            if counted.start <= first_day and peak.day < counted.stop:
                for group in (EVERYBODY, peak.group):
                    by_group.setdefault(group, {}).setdefault(channel, []).append(peak.score)
        return by_group

    def _tails_by_group(self, counted: range, days: dict[str, int]) -> dict[str, dict[str, Tail]]:
        """Return the tails of everybody, shrunk to the built-in ones, and each group's to these."""
        exceedances = self._exceedances(counted)
        channels = PRIOR_TAILS.keys() | exceedances.get(EVERYBODY, {}).keys()
        priors = {channel: tail for channel in channels if (tail := _prior_tail(channel))}
        everybody = self._fitted(
            exceedances.get(EVERYBODY, {}), days=sum(days.values()), priors=priors
        )
        return {EVERYBODY: everybody} | {
            group: self._fitted(exceedances.get(group, {}), days=count, priors=everybody)
            for group, count in sorted(days.items())
        }

    def _fitted(
        self, exceedances: Exceedances, *, days: int, priors: dict[str, Tail]
    ) -> dict[str, Tail]:
        """Return each channel's tail, shrunk to its prior."""
        return {
            channel: fit(
                exceedances.get(channel, []),
                institution_days=days,
                prior=prior,
                prior_days=self.config.prior_institution_days,
            )
            for channel, prior in sorted(priors.items())
        }

    def _pooled(self, institution_days: int) -> dict[str, tuple[float, ...]]:
        """Return the usual by group, shrunk to the built-in one."""
        groups: dict[str, list[tuple[float, ...]]] = {}
        for latest in self._latest.values():
            # Who has not settled yet has no usual of its own.
            if latest.usual:
                groups.setdefault(latest.group, []).append(latest.usual)
                groups.setdefault(EVERYBODY, []).append(latest.usual)
        weight = institution_days / (institution_days + self.config.prior_institution_days)
        usual = {
            group: tuple(
                weight
                * upper_quantile(
                    [int(usual[place]) for usual in members], quantile=self.config.peer_quantile
                )
                + (1.0 - weight) * self.config.usual_prior[place]
                for place in range(len(LEARNT_WINDOWS))
            )
            for group, members in sorted(groups.items())
            if len(members) >= _PEERS_MIN
        }
        return {EVERYBODY: self.config.usual_prior} | usual


def _prior_tail(channel: str) -> Tail | None:
    return PRIOR_TAILS.get(channel) or prior_tail(channel)
