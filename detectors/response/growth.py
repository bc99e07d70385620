"""Step 7 of 7: a measure of which more is asked -> a stronger one, or a request for it."""

from msgspec.structs import replace

from detectors.response import guard
from detectors.response.changes import measure_ends
from detectors.response.config import ResponseMode
from detectors.response.state import ResponseState
from detectors.response.suspension import Asked, Measure, Suspension


def is_unasked(
    state: ResponseState, standing: Suspension, measure: Measure, mode: ResponseMode
) -> bool:
    """Tell whether people are asked for this very measure, which by now needs no person."""
    if mode == "approve" or measure != standing.strongest:
        return False
    if standing.asks is not None:
        return not _is_outgrown(state, standing)
    return standing.state in {"requested", "approved"}


def grown(
    state: ResponseState, longer: Suspension, measure: Measure, mode: ResponseMode
) -> Suspension:
    """Return what is active or held made stronger; or active, and asking for more."""
    if longer.state == "active" and (mode == "approve" or _is_outgrown(state, longer)):
        return replace(longer, asks=Asked(measure=measure, approvals=()))
    # What the guard holds stays held until people agree.
    return replace(longer, measure=measure, asks=None, approvals=())


def asking(state: ResponseState, waiting: Suspension, meanwhile: Measure | None) -> Suspension:
    """Return a request for people with a weaker measure in force until they say, if there is one.

    What they say ends it or puts the stronger one in its place. The guard counts it as any other.
    """
    crowded = guard.too_many(state, waiting.institution, dry_run=waiting.dry_run)
    if meanwhile is None or crowded or meanwhile == waiting.measure:
        return waiting
    return replace(
        waiting,
        state="active",
        measure=meanwhile,
        asks=Asked(measure=waiting.measure, approvals=waiting.approvals),
        approvals=(),
        started_ms=state.now_ms,
        expires_ms=measure_ends(state),
    )


def _is_outgrown(state: ResponseState, standing: Suspension) -> bool:
    """Tell whether more than was agreed to would affect too many."""
    return standing.agreed and guard.too_many(state, standing.institution, dry_run=standing.dry_run)
