"""Step 4 of 7: event -> score. Scope: datasets, fields or dates that were never approved.

Catches a known project that reads what its approval does not name, or reads after its end, and an
institution that the register does not know, once there is a register.
Misses a project the register does not know: starting unrecorded work is sloppy, not theft, and
the amounts it takes are judged like any other.

Source: controlled-access grants name datasets and end dates (GA4GH Passport v1 visas).
A rule: it bypasses calibration.
"""

from msgspec import Struct

from detectors.detector import Breach, DetectorMode, RuleInput
from detectors.features.windows import WINDOW_SECONDS, Window
from detectors.register import Institution, Project, bound_ms, is_of_the_unknown


class ScopeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune; the approvals themselves stand in the register."""

    mode: DetectorMode = "on"


class Scope:
    """What was read against what was approved.

    >>> from detectors.event import AccessEvent
    >>> entry = Institution(id="i", projects=(Project(id="p", datasets=("imaging",)),))
    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="genomes", project="p")
    >>> rule_input = RuleInput(
    ...     event=event,
    ...     at_ms=0,
    ...     participants=None,
    ...     new=0,
    ...     exempted=0,
    ...     held_participants=0,
    ...     project_participants=0,
    ...     project_grew=False,
    ... )
    >>> Scope(entry).evaluate(rule_input).feature
    'dataset_not_approved'
    """

    __slots__ = ("_projects",)

    def __init__(self, entry: Institution) -> None:
        """Look up the projects."""
        # An event of no project asks too, and no project is called nothing.
        self._projects: dict[str | None, Project] = {
            project.id: project for project in entry.projects
        }

    def evaluate(self, rule_input: RuleInput) -> Breach | None:
        """Return a breach where a known project left its scope outside any exemption."""
        if rule_input.unregistered:
            return _breach("institution_not_registered")
        project = self._projects.get(rule_input.event.project)
        if project is None or rule_input.exempted:
            return None
        feature = _feature(project, rule_input)
        return None if feature is None else _breach(feature)


def _breach(feature: str) -> Breach:
    return Breach(
        detector="scope",
        feature=feature,
        window_seconds=WINDOW_SECONDS[Window.MINUTES_5],
        observed=1.0,
        expected=0.0,
    )


def _feature(project: Project, rule_input: RuleInput) -> str | None:
    event = rule_input.event
    if project.datasets and event.dataset not in project.datasets:
        return "dataset_not_approved"
    named = event.fields if isinstance(event.fields, list) else []
    if project.fields and any(field not in project.fields for field in named):
        return "field_not_approved"
    if project.valid_from is not None and rule_input.at_ms < bound_ms(project.valid_from):
        return "before_approval"
    if project.valid_to is not None and rule_input.at_ms >= bound_ms(project.valid_to):
        return "after_approval"
    return None


def scope_of(_: ScopeConfig, entry: Institution) -> Scope | None:
    """Return the rule, where projects are registered, or nobody is."""
    return Scope(entry) if entry.projects or is_of_the_unknown(entry) else None
