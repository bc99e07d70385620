"""Step 3 of 7: everything a detector may look at, at one moment of one institution."""

from msgspec import Struct

from detectors.features.windows import Windows


class Features(Struct, frozen=True, kw_only=True):
    """One institution at `at_ms`. Tuples run over the learnt windows 1 h, 1 d, 7 d, 30 d."""

    at_ms: int
    windows: Windows
    new: tuple[int, ...]
    usual: tuple[float, ...]
    history_days: int
    named: bool
    held_participants: int
    cohort_size: int
    hour_bytes: int
