"""Step 4 of 7: event -> score. Coverage: more of the cohort than was ever approved.

Catches a theft of any slowness, inside an institution of any weight, once the people held, or the
bytes that left, pass what the register grants to the project or the institution: the one rule
patience cannot beat.
Misses whatever has no declared budget, and producers that say how many but not who.

Source: data-access agreements grant a project its participants; see docs/detectors/coverage.md.
A rule: it bypasses calibration.
"""

from typing import Final

from msgspec import Struct

from detectors.detector import Breach, DetectorMode, RuleInput
from detectors.features.windows import WINDOW_SECONDS, Window
from detectors.register import Institution

# Beyond a cap on bytes every event breaks it; it is worth saying at each tenth of the cap.
_BYTES_STEPS: Final = 10


class CoverageConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune; the budgets themselves stand in the register."""

    mode: DetectorMode = "on"


class Coverage:
    """Participants held against participants granted.

    >>> from detectors.event import AccessEvent
    >>> from detectors.register import Project
    >>> entry = Institution(id="i", projects=(Project(id="p", participants_max=100),))
    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="d", project="p")
    >>> rule_input = RuleInput(
    ...     event=event,
    ...     at_ms=0,
    ...     participants=None,
    ...     new=9,
    ...     exempted=0,
    ...     held_participants=150,
    ...     project_participants=150,
    ...     project_grew=True,
    ... )
    >>> breach = Coverage(entry).evaluate(rule_input)
    >>> breach.observed, breach.expected
    (150.0, 100.0)
    """

    __slots__ = ("_bytes_max", "_institution_max", "_projects_bytes_max", "_projects_max")

    def __init__(self, entry: Institution) -> None:
        """Look up the budgets."""
        self._institution_max = entry.participants_max
        self._bytes_max = entry.bytes_max
        # An event of no project asks too, and no project is called nothing.
        self._projects_max: dict[str | None, int] = {
            project.id: project.participants_max
            for project in entry.projects
            if project.participants_max is not None
        }
        self._projects_bytes_max: dict[str | None, int] = {
            project.id: project.bytes_max
            for project in entry.projects
            if project.bytes_max is not None
        }

    def evaluate(self, rule_input: RuleInput) -> Breach | None:
        """Return a breach where somebody new was taken beyond a budget."""
        limit = self._projects_max.get(rule_input.event.project)
        held = rule_input.project_participants
        if limit is not None and rule_input.project_grew and held > limit:
            return _breach("project_participants", held, limit)
        for held, cap in rule_input.held_under_caps:
            if rule_input.new and held > cap:
                return _breach("dataset_participants", held, cap)
        limit = self._institution_max
        held = rule_input.held_participants
        if limit is not None and rule_input.new and held > limit:
            return _breach("institution_participants", held, limit)
        return self._check_bytes(rule_input)

    def _check_bytes(self, rule_input: RuleInput) -> Breach | None:
        size = rule_input.event.bytes
        limit = self._projects_bytes_max.get(rule_input.event.project)
        if limit is not None and _steps_on(rule_input.project_bytes, size, limit):
            return _breach("project_bytes", rule_input.project_bytes, limit)
        limit = self._bytes_max
        if limit is not None and _steps_on(rule_input.institution_bytes, size, limit):
            return _breach("institution_bytes", rule_input.institution_bytes, limit)
        return None


def _steps_on(total: int, size: int, limit: int) -> bool:
    """Tell whether `size` bytes have brought the total beyond the limit, or a tenth further.

    >>> [_steps_on(total, 5, 100) for total in (100, 103, 108, 112)]
    [False, True, False, True]
    >>> _steps_on(103, 3, 100)
    True
    """
    if total <= limit:
        return False
    before, step = total - size, max(1, limit)
    return before <= limit or _BYTES_STEPS * before // step < _BYTES_STEPS * total // step


def _breach(feature: str, held: int, limit: int) -> Breach:
    return Breach(
        detector="coverage",
        feature=feature,
        window_seconds=WINDOW_SECONDS[Window.MONTH],
        observed=float(held),
        expected=float(limit),
    )


def coverage_of(_: CoverageConfig, entry: Institution) -> Coverage | None:
    """Return the rule, where the register grants a limited amount."""
    caps = [entry.participants_max, entry.bytes_max, *entry.dataset_caps.values()]
    caps += [
        cap for project in entry.projects for cap in (project.participants_max, project.bytes_max)
    ]
    return Coverage(entry) if any(cap is not None for cap in caps) else None
