"""Institutions whose events mostly repeat others -> one line that says who.

A repeat counts once. A producer that sends everything twice looks like that, and so does one that
gives its events the ids of others.
"""

from collections.abc import Iterable
from typing import Final

from detectors.policy.explain import percent
from detectors.profile_state import ProfileState
from streams.console.wording import number, plural
from streams.report.unnamed import HasState

# Of more, the ids, or who sends, should be looked at; a retry storm is less.
REPEATS_RATIO_MAX: Final = 0.1
_NAMED_MAX: Final = 5


def repeats_notes(profiles: Iterable[HasState]) -> tuple[str, ...]:
    """Return whose events mostly repeat others, those that do most first; nothing where none do."""
    states = [profile.state for profile in profiles]
    repeating = sorted(
        (state for state in states if state.repeats_ratio > REPEATS_RATIO_MAX),
        key=lambda state: (-state.repeats_ratio, state.institution),
    )
    if not repeating:
        return ()
    named = [_text(state) for state in repeating[:_NAMED_MAX]]
    more = len(repeating) - len(named)
    if more:
        named.append(f"and {plural(more, 'more institution')}")
    return (
        f"many events repeat the id and what left of another, and count once: {', '.join(named)}",
    )


def _text(state: ProfileState) -> str:
    received_count = state.events_count + state.repeats_count
    of_events = f"{number(state.repeats_count)} of {plural(received_count, 'event')}"
    return f"{state.institution} ({of_events}, {percent(state.repeats_ratio)})"
