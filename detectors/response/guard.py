"""Step 7 of 7: the blast-radius guard. Who flags everybody is likelier wrong than the world.

Where more institutions than a set number would be affected without a person's agreement, the next
ones wait for people. What is in force stays in force. Dry runs are counted among themselves, so
that one knows beforehand.
"""

from collections.abc import Iterable

from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension


def limit_of(state: ResponseState) -> int:
    """Return how many institutions may be affected at once without a person."""
    config = state.config
    by_ratio = int(config.blast_radius_ratio * state.known_count)
    return max(config.blast_radius_institutions, by_ratio)


def unagreed(state: ResponseState, *, dry_run: bool) -> list[Suspension]:
    """Return the open suspensions that are in effect, or held, without a person's agreement."""
    return [
        suspension
        for suspension in state.open.values()
        if suspension.dry_run == dry_run
        and not suspension.agreed
        and suspension.state in {"active", "held"}
    ]


def affected_count(state: ResponseState, institution: str, *, dry_run: bool) -> int:
    """Return how many institutions would be affected with this one."""
    return len(institutions_of(unagreed(state, dry_run=dry_run)) | {institution})


def too_many(state: ResponseState, institution: str, *, dry_run: bool) -> bool:
    """Tell whether one more affected institution would be beyond the limit."""
    return affected_count(state, institution, dry_run=dry_run) > limit_of(state)


def institutions_of(suspensions: Iterable[Suspension]) -> set[str]:
    """Return whose suspensions these are."""
    return {suspension.institution for suspension in suspensions}
