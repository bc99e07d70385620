"""Step 1 of 7: bytes -> AccessEvent | Rejected. Why an event was rejected, as a value.

Every reason is counted, and the original bytes go to dead letters: nothing is lost in silence.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from detectors.event import InstitutionId, UnreadEvent

# Enough for a sentence and a path; a hostile value quoted by an error must not fill a header.
DETAIL_LENGTH_MAX: Final = 200


class RejectReason(StrEnum):
    """What was wrong with an event. The names are labels of metrics, so they are permanent."""

    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    NESTING_TOO_DEEP = "nesting_too_deep"
    NOT_JSON = "not_json"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    OUT_OF_RANGE = "out_of_range"
    TIME_UNPARSABLE = "time_unparsable"
    TIME_FAR_FUTURE = "time_far_future"
    TIME_FAR_PAST = "time_far_past"
    PARTICIPANTS_INVALID = "participants_invalid"
    BEYOND_COHORT = "beyond_cohort"
    IDS_ROUNDED = "ids_rounded"
    CLOUDEVENTS_INVALID = "cloudevents_invalid"
    ROW_INVALID = "row_invalid"
    UNSIGNED = "unsigned"
    CONFIG_INVALID = "config_invalid"
    CORE_FAILED = "core_failed"


MEANINGS: Final[dict[RejectReason, str]] = {
    RejectReason.EMPTY_VALUE: "no bytes at all: an empty message or a tombstone",
    RejectReason.TOO_LARGE: "more bytes, or longer lists, than an event may have",
    RejectReason.NESTING_TOO_DEEP: "objects within objects beyond any use",
    RejectReason.NOT_JSON: "not one JSON document in UTF-8 (NaN is not JSON)",
    RejectReason.MISSING_KEY: "a required key is absent",
    RejectReason.WRONG_TYPE: "a value of another type than the key's",
    RejectReason.UNKNOWN_VALUE: "an action or outcome that does not exist",
    RejectReason.OUT_OF_RANGE: "a number or a text length outside its bounds",
    RejectReason.TIME_UNPARSABLE: "not RFC 3339 with an offset",
    RejectReason.TIME_FAR_FUTURE: "far ahead of the time at which Kafka received it",
    RejectReason.TIME_FAR_PAST: "before the earliest time that can be meant",
    RejectReason.PARTICIPANTS_INVALID: "not exactly one well-formed way of saying whose data left",
    RejectReason.BEYOND_COHORT: "participants that the cohort does not have",
    RejectReason.IDS_ROUNDED: "ids of 64 bits that a JSON writer has rounded: other people's",
    RejectReason.CLOUDEVENTS_INVALID: "not a CloudEvent of the mode that its headers announce",
    RejectReason.ROW_INVALID: "a row or record that the mapping cannot read",
    RejectReason.UNSIGNED: "a control record that no key of ours has signed for its place",
    RejectReason.CONFIG_INVALID: "a pushed configuration, unreadable or of another cohort",
    RejectReason.CORE_FAILED: "the core failed on it: a bug, to be reported",
}


class Rejected(Struct, frozen=True, kw_only=True):
    """A rejected event: the reason to count by, and the detail that helps its producer."""

    reason: RejectReason
    detail: Annotated[str, Meta(max_length=DETAIL_LENGTH_MAX)]
    institution: Annotated[
        str, Meta(description="whose record it is, where that can be read; empty otherwise")
    ] = ""
    notice_id: Annotated[
        str, Meta(description="of a rejected row of a raw topic, told where its institution lies")
    ] = ""
    received_ms: Annotated[
        int, Meta(description="when Kafka received what a notice tells of; 0: no notice told it")
    ] = 0


def rejected(reason: RejectReason, detail: str) -> Rejected:
    """Return the reject, its detail cut to its limit.

    >>> rejected(RejectReason.NOT_JSON, "x" * 1_000).detail[-3:]
    'xx…'
    """
    if len(detail) > DETAIL_LENGTH_MAX:
        detail = detail[: DETAIL_LENGTH_MAX - 1] + "…"
    return Rejected(reason=reason, detail=detail)


def of_institution(reject: Rejected, name: str) -> Rejected:
    """Return a reject of which at least the institution is known."""
    return replace(reject, institution=name)


def unread_of(reject: Rejected, *, received_ms: int = 0) -> Iterator[UnreadEvent]:
    """Yield what the judge of a reject's institution counts; nothing where that is not known.

    `received_ms` is when Kafka received the record; a file has no such time.
    """
    if reject.institution:
        yield UnreadEvent(
            institution=InstitutionId(reject.institution),
            reason=reject.reason.value,
            time=reject.received_ms or max(0, received_ms),
            notice_id=reject.notice_id,
        )
