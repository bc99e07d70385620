"""Step 7 of 7: how a suspension changes: it begins, goes on under a new revision, and ends."""

from msgspec.structs import replace

from detectors.instants import SECOND_MS
from detectors.response.ladder import risk_of
from detectors.response.state import Cooling, ResponseState
from detectors.response.suspension import HEADGATE, Suspension


def store(state: ResponseState, suspension: Suspension) -> Suspension:
    """Let a suspension stand as it is, and return it."""
    state.open[suspension.scope_id] = suspension
    return suspension


def change(state: ResponseState, suspension: Suspension, *, by: str, why: str) -> Suspension:
    """Let a changed suspension stand as its next revision."""
    return store(state, revised(state, suspension, by=by, why=why))


def release(state: ResponseState, suspension: Suspension, *, by: str, why: str) -> Suspension:
    """End a suspension; what a person released cools down.

    What expired does not: who waited for that, and takes more, is met again.
    """
    del state.open[suspension.scope_id]
    now_ms = state.now_ms
    stale = [name for name, cooling in state.cooling.items() if cooling.until_ms <= now_ms]
    for name in stale:
        del state.cooling[name]
    if by != HEADGATE:
        state.cooling[suspension.scope_id] = Cooling(
            until_ms=now_ms + state.config.cool_down_seconds * SECOND_MS,
            risk=risk_of(state, suspension.institution),
        )
    ended = replace(suspension, state="released", asks=None)
    return revised(state, ended, by=by, why=why)


def request_ends(state: ResponseState) -> int:
    """Return when a request that nobody answers ends."""
    return state.now_ms + state.config.expiry_seconds * SECOND_MS


def measure_ends(state: ResponseState) -> int | None:
    """Return when a measure that begins now ends by itself; None if only a person ends it."""
    return None if state.config.release == "human" else request_ends(state)


def revised(state: ResponseState, suspension: Suspension, *, by: str, why: str) -> Suspension:
    """Return a changed suspension as its next revision, which does not stand yet."""
    return replace(suspension, revision=suspension.revision + 1, at_ms=state.now_ms, by=by, why=why)
