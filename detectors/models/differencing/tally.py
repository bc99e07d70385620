"""Step 4 of 7: result sets and differences of 7 days, by user and by project."""

from typing import Final

from detectors.features.windows import WEEK_DAYS
from detectors.models.differencing.state import DayCounts, DifferencingState

# Users and projects of a day; of more, those with fewest are forgotten.
_NAMES_MAX: Final = 64
# The user of events that name neither user nor project; nobody is called so.
NOBODY: Final = ""


class Tally:
    """Counts of the open day and of the six before it.

    >>> tally = Tally(DifferencingState())
    >>> tally.open_day(7)
    >>> tally.count_set("ada", None)
    >>> tally.count_difference("ada", None)
    >>> tally.of_user("ada")
    (1, 1)
    """

    __slots__ = ("_state", "_today", "day")

    def __init__(self, state: DifferencingState) -> None:
        """Go on where the state ends."""
        self._state = state
        self.day = max(state.days, default=-1)
        self._today = state.days.get(self.day, DayCounts())

    def open_day(self, day: int) -> None:
        """Begin a day since the epoch, and forget what is a week old."""
        days = self._state.days
        for old in [each for each in days if each <= day - WEEK_DAYS]:
            del days[old]
        self.day = day
        self._today = days.setdefault(day, DayCounts())

    def count_set(self, user: str | None, project: str | None) -> None:
        """Count a set that was compared."""
        today = self._today
        if user is None and project is None:
            user = NOBODY
        # Known names at once: each event asks.
        if user in today.user_sets:
            today.user_sets[user] += 1
        elif user is not None:
            _count(today.user_sets, user)
        if project in today.project_sets:
            today.project_sets[project] += 1
        elif project is not None:
            _count(today.project_sets, project)

    def count_difference(self, user: str | None, project: str | None) -> None:
        """Count a set that differs by few people from another of the user, or of the project."""
        if user is not None:
            _count(self._today.user_differences, user)
        if project is not None:
            _count(self._today.project_differences, project)

    def of_user(self, user: str) -> tuple[int, int]:
        """Return the differences and the sets of a user in 7 days."""
        days = self._state.days.values()
        return (
            sum(day.user_differences.get(user, 0) for day in days),
            sum(day.user_sets.get(user, 0) for day in days),
        )

    def of_project(self, project: str) -> tuple[int, int]:
        """Return the differences and the sets of a project in 7 days."""
        days = self._state.days.values()
        return (
            sum(day.project_differences.get(project, 0) for day in days),
            sum(day.project_sets.get(project, 0) for day in days),
        )


def _count(counts: dict[str, int], name: str) -> None:
    if name in counts:
        counts[name] += 1
        return
    counts[name] = 1
    if len(counts) > _NAMES_MAX:
        del counts[min(counts, key=lambda each: (counts[each], each))]
