"""Step 5 of 7: runs of all institutions -> what of them counts in a tail.

What people were told of may be a theft, and a thief may be told of on purpose: so that what is told
next must be larger. Until people say what it was, such a run counts little beyond what it took to
be told, and of one institution count not many more runs than others have.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from msgspec import Struct, field

from detectors.feedback import Label
from detectors.verdict import Run

# So far beyond what it takes to be told a run counts, in decades: what false alarms reach.
_BEYOND_MAX: Final = 0.5
# So many more runs of one institution count than all have on average.
_RUNS_MORE_MAX: Final = 2

LabelOf = Callable[[str, str], Label | None]


class Exceedances(Struct, kw_only=True):
    """What counts of the runs on one channel; the told ones may have gone further than that."""

    full: list[float] = field(default_factory=list)
    censored: list[float] = field(default_factory=list)


ByChannel = dict[str, Exceedances]


def joined(groups: Iterable[ByChannel]) -> ByChannel:
    """Return the runs of several groups as those of one."""
    together: ByChannel = {}
    for group in groups:
        for channel, exceedances in group.items():
            both = together.setdefault(channel, Exceedances())
            both.full += exceedances.full
            both.censored += exceedances.censored
    return together


class _Peak(Struct, frozen=True, kw_only=True):
    """How high a run had come by the day of its summary: it counts where that was reached."""

    said_day: int
    day: int
    score: float
    group: str
    alert_id: str
    alert_score: float

    @property
    def counted(self) -> float:
        """How much of it counts as long as nobody has said what it was."""
        return min(self.score, self.alert_score + _BEYOND_MAX) if self.alert_id else self.score


class RunLog:
    """How high each run has come, and when that was said."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        """Begin with none."""
        # By institution, channel and the first day of the run.
        self._runs: dict[tuple[str, str, int], list[_Peak]] = {}

    def __len__(self) -> int:
        """Return how many runs are known."""
        return len(self._runs)

    def fold(self, institution: str, channel: str, run: Run, *, group: str, day: int) -> None:
        """Keep how high a run had come by `day`, and whether people had been told of it."""
        peaks = self._runs.setdefault((institution, channel, run.first_day), [])
        if not peaks or run.peak > peaks[-1].score or run.alert_id != peaks[-1].alert_id:
            peak = _Peak(
                said_day=day,
                day=run.peak_day,
                score=run.peak,
                group=group,
                alert_id=run.alert_id,
                alert_score=run.alert_score,
            )
            peaks.append(peak)

    def forget(self, first: int) -> None:
        """Forget the runs that were highest before `first`."""
        self._runs = {key: run for key, run in self._runs.items() if run[-1].day >= first}

    def exceedances(
        self, days: Collection[int], *, first: int, last: int, members_count: int, label_of: LabelOf
    ) -> dict[str, ByChannel]:
        """Return the runs that began from `first` on and count, by group.

        Each as it stood on `last`, if its peak was on one of `days`. What was no theft counts in
        full, and what was one not at all.
        """
        by_group: dict[str, ByChannel] = {}
        own: dict[str, dict[str, list[_Peak]]] = {}
        for (institution, channel, first_day), peaks in self._runs.items():
            place = bisect_right(peaks, last, key=_said_day_of)
            if not place or first_day < first or peaks[place - 1].day not in days:
                continue
            peak = peaks[place - 1]
            label = label_of(institution, peak.alert_id)
            if label is Label.FALSE_POSITIVE:
                _note(by_group, channel, peak, score=peak.score, is_told=False)
            elif label is not Label.CONFIRMED:
                own.setdefault(channel, {}).setdefault(institution, []).append(peak)
        for channel, runs in own.items():
            for peak in _bounded(runs.values(), members_count=members_count):
                _note(by_group, channel, peak, score=peak.counted, is_told=bool(peak.alert_id))
        return by_group


def _bounded(runs: Collection[list[_Peak]], *, members_count: int) -> Iterator[_Peak]:
    """Yield the highest runs of each institution: not many more than all have on average."""
    runs_max = _RUNS_MORE_MAX + sum(map(len, runs)) // max(1, members_count)
    for peaks in runs:
        yield from sorted(peaks, key=_counted_of, reverse=True)[:runs_max]


def _note(
    by_group: dict[str, ByChannel], channel: str, peak: _Peak, *, score: float, is_told: bool
) -> None:
    exceedances = by_group.setdefault(peak.group, {}).setdefault(channel, Exceedances())
    (exceedances.censored if is_told else exceedances.full).append(score)


def _counted_of(peak: _Peak) -> float:
    return peak.counted


def _said_day_of(peak: _Peak) -> int:
    return peak.said_day
