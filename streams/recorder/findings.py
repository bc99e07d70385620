"""A record of the alerts topic -> what the response needs of it, with a token for the user."""

from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from detectors.feedback import Moment
from detectors.response.journal import AlertSeen
from detectors.verdict import AlertChange, Severity
from streams.recorder.people import People

_CHANGES: Final[dict[int, AlertChange]] = {1: "create", 2: "update", 3: "close"}
_SEVERITIES: Final[dict[int, Severity]] = {2: "low", 3: "medium", 4: "high", 5: "critical"}


class _User(Struct, frozen=True):
    uid: str


class _Actor(Struct, frozen=True):
    user: _User


class _Data(Struct, frozen=True):
    top_user_share: float
    top_project: str | None


class _Evidence(Struct, frozen=True):
    data: _Data
    actor: _Actor | None = None


class _Resource(Struct, frozen=True):
    uid: str


class _Info(Struct, frozen=True):
    uid: str


class _Reason(Struct, frozen=True):
    detector: str


class _Unmapped(Struct, frozen=True):
    revision: int
    p_value: float
    taken_participants: int
    reasons: tuple[_Reason, ...]
    config_hash: str


class _Finding(Struct, frozen=True):
    activity_id: int
    severity_id: int
    confidence_score: int
    time: Moment
    start_time: int
    message: str
    finding_info: _Info
    resources: tuple[_Resource, ...]
    evidences: tuple[_Evidence, ...]
    unmapped: _Unmapped


class _Envelope(Struct, frozen=True):
    data: _Finding


_decode: Final = msgspec.json.Decoder(_Envelope).decode


def alert_seen(raw: bytes | None, people: People) -> AlertSeen | str:
    """Return the alert in a record, or a sentence that says why there is none."""
    try:
        found = _decode(raw or b"").data
        change, severity = _CHANGES[found.activity_id], _SEVERITIES[found.severity_id]
        institution, evidence = found.resources[0].uid, found.evidences[0]
    except (msgspec.DecodeError, LookupError) as error:
        return f"not a finding of ours: {error}"
    user = evidence.actor.user.uid if evidence.actor else None
    token = people.token(institution, user) if user is not None else None
    person = people.person(token) if token is not None else None
    salt = person.salt if person is not None else ""
    return AlertSeen(
        alert_id=found.finding_info.uid,
        change=change,
        revision=found.unmapped.revision,
        institution=institution,
        at_ms=found.time,
        started_ms=found.start_time,
        severity=severity,
        confidence=found.confidence_score / 100,
        p_value=found.unmapped.p_value,
        taken_participants=found.unmapped.taken_participants,
        detectors=tuple(dict.fromkeys(one.detector for one in found.unmapped.reasons)),
        user=token,
        user_share=evidence.data.top_user_share,
        project=evidence.data.top_project,
        sentence=without_user(found.message, user, token),
        config_hash=found.unmapped.config_hash,
        # Salted as the token is: else the pseudonym could be guessed from the digest.
        record_sha256=sha256(salt.encode() + (raw or b"")).hexdigest(),
    )


def without_user(sentence: str, user: str | None, token: str | None) -> str:
    """Return an alert's sentence with a token in place of the user it names.

    >>> without_user("north took 9, 92 % of it by user u-1; now", "u-1", "person-7")
    'north took 9, 92 % of it by user person-7; now'
    """
    return sentence if user is None else sentence.replace(f"user {user}", f"user {token}")
