"""Step 1 of 7: a rejected row of a raw topic -> a notice where its institution's judge reads.

A raw topic is keyed by anything, so that whoever rejects a row there judges nobody. The judge of
the institution counts the notice as it counts a record of its own that it rejects.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from streams.ingest.rejects import Rejected, RejectReason


class RejectNotice(Struct, frozen=True, kw_only=True):
    """What is told of a rejected row."""

    institution: Annotated[str, Meta(min_length=1, max_length=128)]
    rejected: RejectReason
    notice_id: Annotated[
        str, Meta(min_length=1, max_length=128, description="the place of the row in its topic")
    ]
    received_ms: Annotated[int, Meta(ge=0, description="when Kafka received the row")] = 0


def notice_of(reject: Rejected, place: str, *, received_ms: int) -> bytes:
    """Return the notice of a reject whose institution is known, as JSON."""
    notice = RejectNotice(
        institution=reject.institution,
        rejected=reject.reason,
        notice_id=place[-128:],
        received_ms=max(0, received_ms),
    )
    return msgspec.json.encode(notice)


def reject_of(notice: RejectNotice) -> Rejected:
    """Return the reject that a notice tells of."""
    return Rejected(
        reason=notice.rejected,
        detail="a row of a raw topic",
        institution=notice.institution,
        notice_id=notice.notice_id,
        received_ms=notice.received_ms,
    )
