"""Step 7 of 7: an alert as it lies on its topic -> what the response needs of it."""

from hashlib import sha256

import msgspec

from detectors.response.entries import AlertSeen
from detectors.verdict import Alert
from streams.response.people import People
from streams.sinks.alert_reader import read_alert


def alert_seen(raw: bytes | None, people: People) -> AlertSeen | str:
    """Return the alert in a record, or a sentence that says why there is none."""
    try:
        alert = read_alert(raw or b"")
    except msgspec.DecodeError as error:
        return f"not a finding of ours: {error}"
    token = people.token(alert.institution, alert.top_user) if alert.top_user is not None else None
    person = people.person(token) if token is not None else None
    salt = person.salt if person is not None else ""
    # Salted as the token is: otherwise the pseudonym could be guessed from the digest.
    return seen_of(
        alert, user=token, record_sha256=sha256(salt.encode() + (raw or b"")).hexdigest()
    )


def seen_of(alert: Alert, *, user: str | None, record_sha256: str) -> AlertSeen:
    """Return what the response needs of an alert; `user` stands for whoever took most."""
    return AlertSeen(
        alert_id=alert.alert_id,
        change=alert.change,
        revision=alert.revision,
        institution=alert.institution,
        at_ms=alert.at_ms,
        started_ms=alert.started_ms,
        severity=alert.severity,
        confidence=alert.confidence,
        p_value=alert.p_value,
        taken_participants=alert.taken_participants,
        detectors=tuple(dict.fromkeys(detail.detector for detail in alert.reasons)),
        user=user,
        user_share=alert.top_user_share,
        user_participants=alert.top_user_participants,
        project=alert.top_project,
        project_share=alert.top_project_share,
        sentence=without_user(alert.sentence, alert.top_user, user),
        config_hash=alert.config_hash,
        record_sha256=record_sha256,
    )


def without_user(sentence: str, user: str | None, token: str | None) -> str:
    """Return an alert's sentence with a token in place of the user it names.

    >>> without_user("north took 9, 92 % of it by user u-1; now", "u-1", "person-7")
    'north took 9, 92 % of it by user person-7; now'
    """
    return sentence if user is None else sentence.replace(f"user {user}", f"user {token}")
