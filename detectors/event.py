"""Step 2 of 7: AccessEvent, keyed by its institution: who took what, how much, whose data, when.

The one declaration of the canonical event: type, validator, JSON schema and documentation.
The codec decodes straight into it, so a field added here is a field on the wire.
"""

from typing import Annotated, Final, Literal, NewType

from msgspec import Meta, Struct

from detectors.instants import Instant, instant_ms

InstitutionId = NewType("InstitutionId", str)

# Integers beyond 2**53 do not survive every JSON producer; nothing real is that large.
COUNT_MAX: Final = 2**53

Name128 = Annotated[str, Meta(min_length=1, max_length=128)]
Name256 = Annotated[str, Meta(min_length=1, max_length=256)]
Note1024 = Annotated[str, Meta(max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
ParticipantId = Annotated[int, Meta(ge=0)]

Action = Literal["download", "query", "export", "other"]
Outcome = Literal["success", "partial", "denied", "error", "other"]


class Participants(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Whose data left: exactly one of the four is set. Integers are positions in the cohort."""

    ids: list[ParticipantId] | None = None
    ranges: list[tuple[ParticipantId, ParticipantId]] | None = None
    bitmap: Annotated[
        bytes | None, Meta(description="portable 32-bit Roaring bitmap, base64 on the wire")
    ] = None
    count: Annotated[
        Count | None, Meta(description="how many, not who: holdings become an upper bound")
    ] = None


class FieldCount(Struct, frozen=True, kw_only=True, gc=False):
    """How many columns left, where their names are unknown."""

    count: Count


class AccessEvent(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One download, query or export, as the platform recorded it."""

    id: Annotated[Name128, Meta(description="unique; a repeat has no effect")]
    time: Annotated[
        Instant | int,
        Meta(description="when the data left: RFC 3339 with offset, or integer ms since epoch"),
    ]
    institution: Annotated[Name128, Meta(description="who answers for it")]
    project: Name128 | None = None
    user: Name128 | None = None
    action: Action = "download"
    dataset: Name256
    bytes: Count = 0
    rows: Count = 0
    files: Count = 0
    participants: Participants | None = None
    fields: list[Name256] | FieldCount | None = None
    outcome: Outcome = "success"
    source_ip: Name128 | None = None
    client: Note1024 | None = None
    destination: Note1024 | None = None
    query_hash: Name128 | None = None
    repairs: Annotated[
        dict[Name128, Count] | None,
        Meta(description="what could not be read as written, how often: judged in part"),
    ] = None


class UnreadEvent(Struct, frozen=True, kw_only=True, gc=False):
    """A record of a known institution that could not be judged: it counts, and nothing more."""

    institution: InstitutionId
    reason: Annotated[str, Meta(description="why it was rejected: one of the reasons for rejects")]
    time: Annotated[
        int,
        Meta(description="ms since the epoch at which it came; 0: not known"),
    ] = 0
    notice_id: Annotated[str, Meta(description="where it may come twice; empty otherwise")] = ""


def time_ms(event: AccessEvent | UnreadEvent) -> int:
    """Return the event's time in ms since the epoch.

    >>> time_ms(AccessEvent(id="e1", time=1_700_000_000_123, institution="i", dataset="d"))
    1700000000123
    """
    at = event.time
    return at if isinstance(at, int) else instant_ms(at)
