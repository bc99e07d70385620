"""Step 7 of 7: why an alert led to no measure, or to no stronger one. Silence is a decision too."""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from detectors.response.suspension import Measure

WithheldReason = Literal[
    "below_threshold",
    "mode_off",
    "labelled",
    "closed",
    "already_open",
    "dry_run_only",
    "cooling_down",
    "guard",
    "ring",
]
WITHHELD_REASONS: Final[tuple[WithheldReason, ...]] = get_args(WithheldReason)


class Threshold(Struct, frozen=True, kw_only=True):
    """One number that decided against a measure, beside what it would have had to be."""

    measure: Measure
    quantity: Literal["confidence", "risk", "institutions"]
    needed: Annotated[float, Meta(description="at least; of institutions affected, at most")]
    seen: float


class Withheld(Struct, frozen=True, kw_only=True):
    """What one statement of an alert did not lead to, and why."""

    reason: Annotated[
        WithheldReason,
        Meta(
            description="below_threshold: neither sure nor harmful enough; mode_off: the rung does "
            "not exist; labelled: people said that it was harmless; closed: the incident is over; "
            "already_open: the scope has such a measure, or one that waits for people; "
            "dry_run_only: the scope has a weaker one, and the stronger is recorded only; "
            "cooling_down: too soon after a release; guard: too many institutions at once; "
            "ring: what several share stops nobody who was not seen taking alone"
        ),
    ]
    alert_id: str
    institution: str
    alerted_ms: Annotated[int, Meta(description="event time of the alert's last statement")]
    at_ms: Annotated[int, Meta(description="when it was recorded")]
    measure: Annotated[
        Measure | None, Meta(description="the measure that was reached; None: none was")
    ] = None
    open_measure: Annotated[
        Measure | None,
        Meta(description="already_open, dry_run_only: the strongest in effect or waited for"),
    ] = None
    thresholds: Annotated[
        tuple[Threshold, ...], Meta(description="what was compared, the stronger measure first")
    ] = ()
    suspension_id: Annotated[
        str | None,
        Meta(description="already_open, dry_run_only, guard: the measure that the scope has"),
    ] = None
    decision_id: Annotated[str | None, Meta(description="labelled: by which decision")] = None
    until_ms: Annotated[int | None, Meta(description="cooling_down: until when")] = None
