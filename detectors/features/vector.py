"""Step 3 of 7: everything a detector may look at, at one moment of one institution."""

from math import log1p
from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.features.windows import Quantity, Window, Windows

# A day as a point: amounts on a log scale, shares as they are, all within 0..1.
DAY_FEATURES: Final = (
    "requests",
    "bytes",
    "rows",
    "read_participants",
    "new_participants",
    "denied_ratio",
    "off_hours_ratio",
    "walked_ratio",
)
# What is compared with the usual; `quota` counts `GAINED`, which is never forgotten.
EVIDENCE: Final = (Quantity.NEW, Quantity.WALKED, Quantity.SLICED, Quantity.OFF_HOURS)
# log1p of 2**53, the largest amount an event may carry.
_LOG_MAX: Final = 36.8


class Features(Struct, frozen=True, kw_only=True):
    """One institution at `at_ms`. Tuples run over the learnt windows 1 h, 1 d, 7 d, 30 d."""

    at_ms: int
    windows: Windows
    new: Annotated[
        tuple[int, ...], Meta(description="participants that were never held before, by window")
    ]
    usual: Annotated[tuple[float, ...], Meta(description="such participants usually, by window")]
    cohort_size: Annotated[int, Meta(description="participants")]
    hour_bytes: Annotated[int, Meta(description="taken in the open hour")]
    hour_unnamed_bytes: Annotated[
        int, Meta(description="of these, what left without a word of whose data it was")
    ] = 0
    today_new: Annotated[int, Meta(description="new participants since midnight, UTC")] = 0

    @property
    def day(self) -> tuple[float, ...]:
        """Return the last day as a point, in the order of `DAY_FEATURES`."""
        return day_point(self.windows)


def day_point(windows: Windows) -> tuple[float, ...]:
    """Return the sums of the last day as a point, in the order of `DAY_FEATURES`.

    >>> from detectors.features.windows import WindowsState
    >>> day_point(Windows(WindowsState()))
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    """
    total = {measure: windows.total(Window.DAY, measure) for measure in Quantity}
    amounts = (Quantity.REQUESTS, Quantity.BYTES, Quantity.ROWS, Quantity.READ, Quantity.NEW)
    shares = (
        (Quantity.DENIED, Quantity.REQUESTS),
        (Quantity.OFF_HOURS, Quantity.NEW),
        (Quantity.WALKED, Quantity.NEW),
    )
    return (
        *(min(1.0, log1p(total[measure]) / _LOG_MAX) for measure in amounts),
        *(total[part] / max(1, total[whole]) for part, whole in shares),
    )
