"""Step 7 of 7: the journal of the response: entries, each chained to the one before.

What acts is a fold of it (`detectors.response.fold`), so it is record and cause in one. It names
no user: tokens stand for them, and whose token it is lies elsewhere and may be erased.
"""

from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from detectors.feedback import Label
from detectors.instants import Moment
from detectors.register import Registered
from detectors.response.config import ResponseConfig
from detectors.response.decoding import json_decoder
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from detectors.verdict import AlertChange, Severity

GENESIS: Final = "0" * 64
# In lines of earlier versions.
NO_CORE: Final = msgspec.Raw(b"null")


class SourceRecord(Struct, frozen=True, kw_only=True):
    """The record that an entry stands for; each is in the journal once."""

    topic: str
    partition: int
    offset: int


class AlertSeen(Struct, frozen=True, kw_only=True, tag="alert"):
    """An alert was stated: what the ladder needs of it, and the digest of the whole."""

    alert_id: str
    change: AlertChange
    revision: int
    institution: str
    at_ms: Annotated[int, Meta(description="event time of the statement")]
    started_ms: int
    severity: Severity
    confidence: float
    p_value: float
    taken_participants: int
    detectors: tuple[str, ...]
    user: Annotated[str | None, Meta(description="a token")]
    user_share: Annotated[float, Meta(description="of what the sentence tells, at least")]
    user_participants: Annotated[
        int, Meta(description="new ones that the user took in 30 days, at least")
    ]
    project: str | None
    project_share: Annotated[float, Meta(description="as user_share")]
    sentence: Annotated[str, Meta(description="with tokens for users")]
    config_hash: str
    record_sha256: Annotated[str, Meta(description="of the user's salt and the record's bytes")]


class Approved(Struct, frozen=True, kw_only=True, tag="approve"):
    """A person agrees to a requested measure."""

    suspension_id: str


class Released(Struct, frozen=True, kw_only=True, tag="release"):
    """A person ends a measure, or refuses a request."""

    suspension_id: str


class Labelled(Struct, frozen=True, kw_only=True, tag="feedback"):
    """A person says what an alert was."""

    alert_id: str
    label: Label
    until_ms: Moment | None = None


class Erased(Struct, frozen=True, kw_only=True, tag="erase"):
    """A person has it forgotten whose token this is."""

    token: str


class ConfigPushed(Struct, frozen=True, kw_only=True, tag="push"):
    """A person has the judges go on under another configuration of the core."""

    from_ms: Annotated[Moment, Meta(description="event time from which it holds")]
    config: Annotated[
        msgspec.Raw, Meta(description="as it was sent: the journal must outlive what it means")
    ]
    config_hash: Annotated[str, Meta(description="as alerts quote it, by whoever pushed it")]


Verb = Approved | Released | Labelled | Erased | Registered | ConfigPushed


class DecisionMade(Struct, frozen=True, kw_only=True, tag="decision"):
    """Somebody whose signature was checked has decided."""

    decision_id: str
    who: str
    note: str
    at_ms: Annotated[int, Meta(description="when it was signed, by the signer's clock")]
    verb: Verb
    jws: Annotated[str, Meta(description="the record itself, as it was signed: a compact JWS")]


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """A record had no effect, and why: unsigned, by nobody we know, or unreadable."""

    reason: str
    detail: str
    record_sha256: str


class Configured(Struct, frozen=True, kw_only=True, tag="config"):
    """The response goes on under this configuration."""

    response: ResponseConfig
    cohort_size: int
    config_hash: Annotated[str, Meta(description="of the core's configuration")]
    version: str
    core: Annotated[
        msgspec.Raw, Meta(description="the core's configuration itself, but for canaries")
    ] = NO_CORE


class Tick(Struct, frozen=True, kw_only=True, tag="tick"):
    """Time has passed in which nothing arrived: something may have expired."""


class Acted(Struct, frozen=True, kw_only=True, tag="action"):
    """What followed from the entry before: a suspension's new state."""

    suspension: Suspension


class Declined(Struct, frozen=True, kw_only=True, tag="withheld"):
    """What did not follow from the entry before, and why."""

    withheld: Withheld


Body = AlertSeen | DecisionMade | Refused | Configured | Tick | Acted | Declined


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One line of the journal."""

    sequence: Annotated[int, Meta(ge=0)]
    previous: Annotated[str, Meta(description="hash of the entry before; zeros for the first")]
    batch: Annotated[int, Meta(description="sequence of the first entry written with this one")]
    recorded_ms: Annotated[int, Meta(description="the recorder's time; it never runs backwards")]
    source: SourceRecord | None
    body: Body


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(AuditEntry)


def entry_bytes(entry: AuditEntry) -> bytes:
    """Return the one way in which an entry is written."""
    return _encode(entry)


def parse_entry(raw: bytes) -> AuditEntry:
    """Return the entry that was written; `msgspec.DecodeError` if it is none."""
    return _decode(raw)


def digest(raw: bytes) -> str:
    """Return the hash by which the next entry names this one.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return sha256(raw).hexdigest()
