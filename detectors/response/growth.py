"""Step 7 of 7: an open measure of which more is asked -> a stronger one, or a request for it."""

from msgspec.structs import replace

from detectors.response import guard
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


def _is_outgrown(state: ResponseState, standing: Suspension) -> bool:
    """Tell whether more than was agreed to would affect too many."""
    return standing.agreed and guard.too_many(state, standing.institution, dry_run=standing.dry_run)
