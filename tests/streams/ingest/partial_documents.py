"""Events as JSON documents that are spoilt on purpose, and who is named in what is read of them."""

import json

from hypothesis import strategies as st

from detectors.config import CohortConfig
from detectors.event import AccessEvent
from detectors.features.participant_sets import bitmap_of
from streams.ingest.codec import DecodeConfig, decode, decode_limits

COHORT = 1_000
LIMITS = decode_limits(DecodeConfig(), CohortConfig(size=COHORT))
HASHED = decode_limits(DecodeConfig(), CohortConfig(size=COHORT, participant_ids="hashed"))
TINY = decode_limits(DecodeConfig(event_bytes_max=1_024), CohortConfig(size=500_000))
NOON_MS = 1_775_044_800_000
TAKEN = {"ids": [1, 2, 3]}
# Whatever JSON may hold under a key.
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
OTHER_KEYS = [
    key for key in AccessEvent.__struct_fields__
    if key not in {"institution", "time", "participants", "repairs"}
]  # fmt: skip


def document(**changes: object) -> dict[str, object]:
    """Return a good event that names three people."""
    return {
        "id": "e-1",
        "time": NOON_MS,
        "institution": "northgate",
        "user": "u-1",
        "dataset": "imaging",
        "action": "download",
        "bytes": 6_000,
        "rows": 3,
        "participants": TAKEN,
    } | changes


def read(raw: dict[str, object] | bytes) -> AccessEvent:
    """Return the event of a document that must be judged."""
    event = decode(raw if isinstance(raw, bytes) else json.dumps(raw).encode(), limits=LIMITS)
    assert isinstance(event, AccessEvent)
    return event


def people(event: AccessEvent) -> list[int] | int | None:
    """Return who is named, or how many."""
    if event.participants is None:
        return None
    named = bitmap_of(event.participants)
    return event.participants.count if named is None else list(named)
