"""Step 4 of 7: event -> breach. Differencing: nearly the same people, asked for again and again.

Catches a user, or the users of one project, whose result sets differ by a few people, again and
again: what is said of one set and not of the other is said of those few. Also where one set is
nearly the complement of another, within a cohort whose ids are known.
Misses sets that are padded until they differ by more, sets of other fields, of other datasets or
of users who share no project, windows that slide along the ids, and people who are only counted.

Source: D. E. Denning, P. J. Denning and M. D. Schwartz (1979), "The Tracker: A Threat to
Statistical Database Security", ACM Transactions on Database Systems 4, 76-96. How a change of the
cohort is told from a tracker is ours: who was withdrawn stays away, who was released stays.
A rule: it bypasses calibration.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.detector import DetectorMode

# Which a set may be away from the one that its line is kept as; the more, the longer chains are.
VARIANT_PARTICIPANTS_MAX: Final = 12


class DifferencingConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "shadow"
    apart_participants_min: Annotated[
        int, Meta(ge=2, le=64, description="sets that differ by fewer people single them out")
    ] = 10
    apart_ratio_max: Annotated[
        float, Meta(gt=0, le=1, description="of a set's people that the two may differ by at most")
    ] = 0.1
    set_participants_min: Annotated[
        int, Meta(ge=2, description="people of a result set that is compared with others")
    ] = 50
    allowed_differences: Annotated[
        int, Meta(ge=0, description="of one user or project in 7 days, too few to matter")
    ] = 20
    allowed_ratio: Annotated[
        float, Meta(ge=0, le=1, description="of the compared sets of 7 days that may differ so")
    ] = 0.03
    settled_hours: Annotated[
        int,
        Meta(ge=0, description="after which a set that changes is taken for a changed cohort"),
    ] = 20
    kept_bytes_max: Annotated[
        int,
        Meta(ge=0, le=2**22, description="of kept sets of scattered people, an institution's"),
    ] = 131_072
