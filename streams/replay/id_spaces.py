"""Projects with pseudonyms of their own -> what cannot be said of people, in words."""

from collections.abc import Iterable, Iterator
from typing import Final

from detectors.config import CohortConfig
from detectors.profile import Profile
from streams.console.wording import IDS_APART, number, plural

_SHOWN_MAX: Final = 5


def space_notes(cohort: CohortConfig, profiles: Iterable[Profile]) -> Iterator[str]:
    """Yield what is not known where ids of two projects cannot be compared; else nothing."""
    if not cohort.has_spaces:
        return
    yield IDS_APART
    bounds = {profile.state.institution: profile.ledger.totals.held_bounds for profile in profiles}
    unsure = [name for name, (least, most) in bounds.items() if least != most]
    unsure.sort(key=lambda name: (-bounds[name][1], name))
    shown = [
        f"{name} {number(bounds[name][0])} to {number(bounds[name][1])}"
        for name in unsure[:_SHOWN_MAX]
    ]
    if shown:
        more = len(unsure) - len(shown)
        rest = [f"and {plural(more, 'more institution')}"] if more else []
        yield f"people held, at least and at most: {', '.join([*shown, *rest])}"
