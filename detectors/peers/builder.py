"""Step 5 of 7: daily summaries of all institutions -> the peer reference of each day.

The builder is pure: the same summaries give the same reference, byte for byte, and what was said of
later days changes nothing in an earlier one's. Peers are weighed by what they did: by the days on
which something happened, and by nothing else that an institution could have more of.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import fsum
from typing import Final

from msgspec import Struct

from detectors.calibration.tail import Tail, fit
from detectors.features.baseline import LEARNT_WINDOWS
from detectors.peers.members import Member, SelfReport, day_of, weighted_quantile
from detectors.peers.reference import (
    EVERYBODY,
    PRIOR_TAILS,
    Reference,
    ReferenceConfig,
    channel_prior,
    prior_reference,
)
from detectors.verdict import DailySummary, Run

# Fewer are no peers: one institution's odd dates or long silence would become everybody's usual.
_PEERS_MIN: Final = 3
# The platform has begun once this share of all its institutions has come.
_BEGUN_RATIO: Final = 1 / 3
# So many settled days must be known before the first ones are forgotten.
_SETTLED_DAYS_MIN: Final = 7
# An active day stands for the week that it begins: whoever stays silent longer says nothing.
_COVERED_DAYS: Final = 7
# Of one institution's raised incidents so many count in a tail: who makes noise moves it once.
_RAISED_RUNS_MAX: Final = 1

# Peaks by channel.
Exceedances = dict[str, list[float]]


class _Peak(Struct, frozen=True, kw_only=True):
    """How high a run had come by the day of its summary: it counts where that was reached."""

    said_day: int
    day: int
    score: float
    group: str
    raised: bool


class ReferenceBuilder:
    """Collects summaries and builds the reference of a day.

    >>> builder = ReferenceBuilder(ReferenceConfig())
    >>> builder.build(20_000).version
    'prior'
    """

    __slots__ = ("_alert_days", "_days", "_members", "_runs", "config")

    def __init__(self, config: ReferenceConfig) -> None:
        """Start with nobody."""
        self.config = config
        # Institution-days by group and day, days with an alert by day.
        self._days: dict[tuple[str, int], int] = {}
        self._alert_days: dict[int, int] = {}
        # By institution, channel and the first day of the run.
        self._runs: dict[tuple[str, str, int], list[_Peak]] = {}
        self._members: dict[str, Member] = {}

    def add(self, summary: DailySummary) -> None:
        """Fold one institution's closed days; a repeat, as after a crash, changes nothing."""
        before = summary.day - summary.days_count
        member = self._members.get(summary.institution)
        if member is None:
            member = self._members[summary.institution] = Member(
                counted_day=before, covered_day=before
            )
        if summary.day <= member.counted_day:
            return
        first_day = before + 1
        if summary.active and first_day > member.counted_day:
            member.active_days.append(first_day)
            # A day of rest after work is a day on which nothing strange was done.
            last_day = first_day + _COVERED_DAYS - 1
            for day in range(max(first_day, member.covered_day + 1), last_day + 1):
                key = (summary.group, day)
                self._days[key] = self._days.get(key, 0) + 1
            member.covered_day = last_day
            if summary.alerted:
                self._alert_days[first_day] = self._alert_days.get(first_day, 0) + 1
        member.counted_day = summary.day
        member.reports.append(
            SelfReport(
                # That it was silent is known once it has come back.
                day=summary.day if summary.active else summary.day + 1,
                born=summary.day - summary.age_days,
                group=summary.group,
                usual=summary.usual,
            )
        )
        for channel, run in summary.runs.items():
            self._fold(summary, channel, run)

    def _fold(self, summary: DailySummary, channel: str, run: Run) -> None:
        """Keep how high a run has come, with the day on which it was reached."""
        if channel_prior(channel) is None:
            return  # Of a detector that this version does not have: nothing asks for its tail.
        peaks = self._runs.setdefault((summary.institution, channel, run.first_day), [])
        if not peaks or run.peak > peaks[-1].score:
            peak = _Peak(
                said_day=summary.day,
                day=run.peak_day,
                score=run.peak,
                group=summary.group,
                raised=run.raised,
            )
            peaks.append(peak)

    def build(self, day: int) -> Reference:
        """Return the reference that holds on `day`."""
        last = day - self.config.lag_days
        reports = {
            name: report
            for name, member in self._members.items()
            if (report := member.as_of(last)) is not None
        }
        first = max(self._settled(last, reports.values()), last - self.config.history_days + 1)
        counted = self._counted_days(first, last)
        days = self._institution_days(counted)
        institution_days = sum(days.values())
        if not institution_days or len(reports) < _PEERS_MIN:
            return prior_reference(self.config)
        return Reference(
            version=f"day-{day}",
            day=day,
            usual=self._pooled(reports, first=last - self.config.history_days + 1, last=last),
            tails=self._tails_by_group(counted, first=first, days=days, last=last),
            institution_days=institution_days,
            alert_days=sum(self._alert_days.get(day, 0) for day in counted),
        )

    def forget(self, day: int) -> None:
        """Forget what no reference of `day` or later rests on."""
        first = day - self.config.lag_days - self.config.history_days + 1
        self._days = {key: count for key, count in self._days.items() if key[1] >= first}
        self._alert_days = {day: count for day, count in self._alert_days.items() if day >= first}
        self._runs = {key: run for key, run in self._runs.items() if run[-1].day >= first}
        for member in self._members.values():
            del member.active_days[: bisect_left(member.active_days, first)]
            # The last thing said before still holds.
            del member.reports[: max(0, bisect_right(member.reports, first, key=day_of) - 1)]

    def _settled(self, last: int, reports: Iterable[SelfReport]) -> int:
        """Return the first day that counts.

        Everything is new to ledgers that have just begun: the platform's first days say nothing
        of later ones, though while there are no others they are the best there is.
        """
        days = sorted(each.born for each in reports)
        if not days:
            return last
        # Some early dates, or a few who tried it, are no platform.
        place = max(_PEERS_MIN - 1, int(_BEGUN_RATIO * len(days)))
        born = days[min(len(days) - 1, place)]
        settled = born + self.config.settling_days
        return settled if last >= settled + _SETTLED_DAYS_MIN else born

    def _counted_days(self, first: int, last: int) -> frozenset[int]:
        """Return the days from `first` to `last` on which there were peers."""
        active: dict[int, int] = {}
        for (_, day), count in self._days.items():
            if first <= day <= last:
                active[day] = active.get(day, 0) + count
        return frozenset(day for day, count in active.items() if count >= _PEERS_MIN)

    def _institution_days(self, counted: frozenset[int]) -> dict[str, int]:
        """Return the days that count, by group."""
        days: dict[str, int] = {}
        for (group, day), count in self._days.items():
            if day in counted:
                days[group] = days.get(group, 0) + count
        return days

    def _exceedances(
        self, counted: frozenset[int], *, first: int, last: int
    ) -> dict[str, Exceedances]:
        """Return the peaks of the runs that count, by group; `EVERYBODY` has those of all."""
        by_group: dict[str, Exceedances] = {}
        raised: dict[tuple[str, str], list[_Peak]] = {}
        for (institution, channel, first_day), peaks in self._runs.items():
            place = bisect_right(peaks, last, key=_said_day_of)
            if not place or first_day < first or peaks[place - 1].day not in counted:
                continue
            peak = peaks[place - 1]
            if peak.raised:
                raised.setdefault((institution, channel), []).append(peak)
            else:
                _note_peak(by_group, channel, peak)
        for (_, channel), peaks in raised.items():
            for peak in sorted(peaks, key=_score_of, reverse=True)[:_RAISED_RUNS_MAX]:
                _note_peak(by_group, channel, peak)
        return by_group

    def _tails_by_group(
        self, counted: frozenset[int], *, first: int, last: int, days: dict[str, int]
    ) -> dict[str, dict[str, Tail]]:
        """Return the tails of everybody, shrunk to the built-in ones, and each group's to these."""
        exceedances = self._exceedances(counted, first=first, last=last)
        channels = PRIOR_TAILS.keys() | exceedances.get(EVERYBODY, {}).keys()
        priors = {channel: tail for channel in channels if (tail := channel_prior(channel))}
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

    def _pooled(
        self, reports: dict[str, SelfReport], *, first: int, last: int
    ) -> dict[str, tuple[float, ...]]:
        """Return the usual by group, shrunk to the built-in one."""
        groups: dict[str, list[tuple[float, tuple[float, ...]]]] = {}
        for name, each in sorted(reports.items()):
            weight = self._members[name].weight(each, first=first, last=last)
            # Who has not settled yet has no usual of its own.
            if each.usual and weight > 0.0:
                groups.setdefault(each.group, []).append((weight, each.usual))
                groups.setdefault(EVERYBODY, []).append((weight, each.usual))
        usual = {
            group: self._shrunk(members)
            for group, members in sorted(groups.items())
            if len(members) >= _PEERS_MIN
        }
        return {EVERYBODY: self.config.usual_prior} | usual

    def _shrunk(self, members: list[tuple[float, tuple[float, ...]]]) -> tuple[float, ...]:
        days = fsum(weight for weight, _ in members)
        weight = days / (days + self.config.prior_institution_days)
        quantile = self.config.peer_quantile
        return tuple(
            weight * weighted_quantile([(usual[place], each) for each, usual in members], quantile)
            + (1.0 - weight) * self.config.usual_prior[place]
            for place in range(len(LEARNT_WINDOWS))
        )


def _note_peak(by_group: dict[str, Exceedances], channel: str, peak: _Peak) -> None:
    for group in (EVERYBODY, peak.group):
        by_group.setdefault(group, {}).setdefault(channel, []).append(peak.score)


def _said_day_of(peak: _Peak) -> int:
    return peak.said_day


def _score_of(peak: _Peak) -> float:
    return peak.score
