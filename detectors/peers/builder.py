"""Step 5 of 7: daily summaries of all institutions -> the peer reference of each day.

The builder is pure: the same summaries give the same reference, byte for byte, and what was said of
later days changes nothing in an earlier one's. Peers are weighed by what they did: by the days on
which something happened, and by nothing else that an institution could have more of.
"""

from bisect import bisect_left, bisect_right
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from math import fsum
from typing import Final

from detectors.calibration.tail import Tail, fit, lower_of
from detectors.features.baseline import LEARNT_WINDOWS
from detectors.peers.members import Member, SelfReport, day_of, weighted_quantile
from detectors.peers.reference import (
    COUNTED,
    EVERYBODY,
    PRIOR_TAILS,
    PastDays,
    Reference,
    ReferenceConfig,
    channel_prior,
    prior_reference,
)
from detectors.peers.runs import ByChannel, Exceedances, RunLog, joined
from detectors.verdict import DailySummary

# Fewer are no peers: one institution's odd dates or long silence would become everybody's usual.
_PEERS_MIN: Final = 3
# Fewer share the tails of all.
_GROUP_MIN: Final = 10
# The platform has begun once this share of all its institutions has come.
_BEGUN_RATIO: Final = 1 / 3
# So many settled days must be known before the first ones are forgotten.
_SETTLED_DAYS_MIN: Final = 7
# An active day stands for the week that it begins: whoever stays silent longer says nothing.
_COVERED_DAYS: Final = 7
# So many days with an alert of one institution count against the budget.
_ALERT_DAYS_MAX: Final = 6
# What people were told of moves a tail by so many decades at most: threefold.
_TOLD_SHIFT_MAX: Final = 0.5
_NO_RUNS: Final = Exceedances()


class ReferenceBuilder:
    """Collects summaries and builds the reference of a day.

    >>> builder = ReferenceBuilder(ReferenceConfig())
    >>> builder.build(20_000).version
    'prior'
    """

    __slots__ = ("_days", "_members", "_runs", "config")

    def __init__(self, config: ReferenceConfig) -> None:
        """Start with nobody."""
        self.config = config
        # Institution-days by group and day.
        self._days: dict[tuple[str, int], int] = {}
        self._runs = RunLog()
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
            if summary.alert_id:
                member.alerts.append((first_day, summary.alert_id))
        member.counted_day = summary.day
        self._fold(member, summary)

    def _fold(self, member: Member, summary: DailySummary) -> None:
        """Keep what an institution says of itself, of its runs, and of its alerts."""
        member.reports.append(
            SelfReport(
                # That it was silent is known once it has come back.
                day=summary.day if summary.active else summary.day + 1,
                born=summary.day - summary.age_days,
                group=summary.group,
                usual=summary.usual,
            )
        )
        for alert_id, label in summary.labels.items():
            member.labels.setdefault(alert_id, []).append((summary.day, label))
        for channel, run in summary.runs.items():
            # Of a detector that this version does not have, nothing asks for the tail.
            if channel_prior(channel) is not None:
                self._runs.fold(
                    summary.institution, channel, run, group=summary.group, day=summary.day
                )

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
        members = Tally(report.group for report in reports.values())
        exceedances = self._runs.exceedances(
            counted,
            first=first,
            last=last,
            members_count=len(reports),
            label_of=lambda name, alert_id: self._members[name].label(alert_id, last=last),
        )
        past = self._past(_groups_apart(members), counted, days=days, last=last)
        return Reference(
            version=f"day-{day}",
            day=day,
            usual=self._pooled(reports, first=last - self.config.history_days + 1, last=last),
            tails=self._tails_by_group(exceedances, days=days, members=members),
            institution_days=past[EVERYBODY].institution_days,
            alert_days=past[EVERYBODY].alert_days,
            counted=past.get(COUNTED),
        )

    def forget(self, day: int) -> None:
        """Forget what no reference of `day` or later rests on."""
        first = day - self.config.lag_days - self.config.history_days + 1
        self._days = {key: count for key, count in self._days.items() if key[1] >= first}
        self._runs.forget(first)
        for member in self._members.values():
            del member.active_days[: bisect_left(member.active_days, first)]
            # The last thing said before still holds.
            del member.reports[: max(0, bisect_right(member.reports, first, key=day_of) - 1)]
            member.forget_alerts(first)

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

    def _past(
        self, apart: frozenset[str], counted: frozenset[int], *, days: dict[str, int], last: int
    ) -> dict[str, PastDays]:
        """Return how the budget was used by everybody, and by those who stand apart."""
        institution_days: dict[str, int] = {EVERYBODY: 0}
        for group, count in days.items():
            name = _shared_by(group, apart)
            institution_days[name] = institution_days.get(name, 0) + count
        alert_days: dict[str, int] = {}
        for member in self._members.values():
            report = member.as_of(last)
            name = EVERYBODY if report is None else _shared_by(report.group, apart)
            count = min(_ALERT_DAYS_MAX, member.alert_days(counted, last=last))
            alert_days[name] = alert_days.get(name, 0) + count
        return {
            name: PastDays(institution_days=count, alert_days=alert_days.get(name, 0))
            for name, count in institution_days.items()
        }

    def _tails_by_group(
        self, exceedances: dict[str, ByChannel], *, days: dict[str, int], members: Mapping[str, int]
    ) -> dict[str, dict[str, Tail]]:
        """Return the tails of everybody, shrunk to the built-in ones, and each group's to these.

        A group of a few has none of its own: whatever one of them did would be usual in it.
        """
        apart = _groups_apart(members)
        shared: dict[str, dict[str, Tail]] = {}
        for name in sorted({EVERYBODY} | {_shared_by(group, apart) for group in days}):
            groups = [group for group in sorted(days) if _shared_by(group, apart) == name]
            runs = joined(exceedances.get(group, {}) for group in groups)
            channels = PRIOR_TAILS.keys() | runs.keys()
            priors = {channel: tail for channel in channels if (tail := channel_prior(channel))}
            shared[name] = self._fitted(
                runs, days=sum(days[group] for group in groups), priors=priors
            )
        return shared | {
            group: self._fitted(
                exceedances.get(group, {}), days=count, priors=shared[_shared_by(group, apart)]
            )
            for group, count in sorted(days.items())
            if members.get(group, 0) >= _GROUP_MIN
        }

    def _fitted(
        self, exceedances: ByChannel, *, days: int, priors: dict[str, Tail]
    ) -> dict[str, Tail]:
        """Return each channel's tail, shrunk to its prior."""
        return {
            channel: self._tail(exceedances.get(channel, _NO_RUNS), days=days, prior=prior)
            for channel, prior in sorted(priors.items())
        }

    def _tail(self, runs: Exceedances, *, days: int, prior: Tail) -> Tail:
        """Return one tail, which what people were told of moves by a bounded amount."""

        def fitted(censored: list[float]) -> Tail:
            return fit(
                runs.full,
                censored=censored,
                institution_days=days,
                prior=prior,
                prior_days=self.config.prior_institution_days,
            )

        if not runs.censored or len(runs.censored) > len(runs.full):
            # Where most is told of, what is not says nothing of how strange the honest can be.
            return fitted(runs.censored)
        without = fitted([])
        moved = tuple((score + _TOLD_SHIFT_MAX, rate) for score, rate in without.knots)
        return lower_of(fitted(runs.censored), Tail(knots=moved, slope=without.slope))

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


def _groups_apart(members: Mapping[str, int]) -> frozenset[str]:
    """Return the groups of those who only count people, if they are many enough to stand apart."""
    groups = frozenset(group for group in members if group.endswith(COUNTED))
    return groups if sum(members[group] for group in groups) >= _GROUP_MIN else frozenset()


def _shared_by(group: str, apart: frozenset[str]) -> str:
    return COUNTED if group in apart else EVERYBODY
