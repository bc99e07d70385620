"""Step 7 of 7: a finding on the alerts topic -> the alert that it was written from.

The ladder, the screen and an explanation all read alerts by this: nothing may be lost on the way.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from detectors.instants import Moment
from detectors.response.decoding import json_decoder
from detectors.verdict import (
    Alert,
    AlertChange,
    DatasetCoverage,
    FailedRequests,
    Ratio,
    ReasonDetail,
    Severity,
    TakenKind,
    Unlearnt,
    WindowShares,
)
from streams.sinks.alerts import OCSF_ACTIVITIES, OCSF_SEVERITIES
from streams.sinks.cloudevent import read_cloudevent


def read_alert(raw: bytes) -> Alert:
    """Return the alert in a record's value.

    Raises:
        msgspec.DecodeError: it holds no finding of ours.
    """
    return read_finding(read_cloudevent(raw).data)


def read_finding(raw: bytes | msgspec.Raw) -> Alert:
    """Return the alert that a finding was written from, equal in every field.

    Raises:
        msgspec.DecodeError: it is not a finding of ours.
    """
    finding = _decode(raw)
    evidence, unmapped = finding.evidences[0], finding.unmapped
    return Alert(
        alert_id=finding.finding_info.uid,
        change=_change_of(finding.activity_id),
        revision=unmapped.revision,
        institution=finding.resources[0].uid,
        at_ms=finding.time,
        started_ms=finding.start_time,
        severity=_severity_of(finding.severity_id),
        confidence=unmapped.confidence,
        p_value=unmapped.p_value,
        sentence=finding.message,
        reasons=unmapped.reasons,
        coverage=unmapped.coverage,
        taken_participants=unmapped.taken_participants,
        taken_kind=unmapped.taken_kind,
        full_cohort_days=unmapped.full_cohort_days,
        top_user=evidence.actor.user.uid if evidence.actor else None,
        shares=evidence.data.shares,
        top_user_share=evidence.data.top_user_share,
        top_user_participants=evidence.data.top_user_participants,
        top_project=evidence.data.top_project,
        top_project_share=evidence.data.top_project_share,
        members=_members(finding.resources),
        sample_event_ids=evidence.data.event_ids,
        repairs=unmapped.repairs,
        rejects=unmapped.rejects,
        unlearnt=unmapped.unlearnt,
        failed=unmapped.failed,
        trigger_event_id=evidence.data.trigger_event_id,
        config_hash=unmapped.config_hash,
        reference_version=unmapped.reference_version,
    )


class _Named(Struct, frozen=True):
    uid: str


class _Actor(Struct, frozen=True):
    user: _Named


class _EvidenceData(Struct, frozen=True):
    event_ids: tuple[str, ...]
    trigger_event_id: str
    shares: WindowShares | None
    top_user_share: float
    top_user_participants: int
    top_project: str | None
    top_project_share: float


class _Evidence(Struct, frozen=True):
    data: _EvidenceData
    actor: _Actor | None = None


class _Unmapped(Struct, frozen=True):
    revision: Annotated[int, Meta(ge=1)]
    confidence: Ratio
    p_value: float
    taken_participants: int
    taken_kind: TakenKind
    full_cohort_days: float | None
    coverage: tuple[DatasetCoverage, ...]
    reasons: tuple[ReasonDetail, ...]
    repairs: dict[str, int]
    rejects: dict[str, int]
    unlearnt: tuple[Unlearnt, ...]
    failed: FailedRequests
    config_hash: str
    reference_version: str


class _Finding(Struct, frozen=True):
    """As much of a finding as makes the alert again; the rest says the same in OCSF's words."""

    activity_id: int
    severity_id: int
    time: Moment
    start_time: int
    message: str
    finding_info: _Named
    resources: Annotated[tuple[_Named, ...], Meta(min_length=1)]
    evidences: tuple[_Evidence]
    unmapped: _Unmapped


_decode: Final = json_decoder(_Finding)


def _members(resources: tuple[_Named, ...]) -> tuple[str, ...]:
    """Return the members of a ring, by name; nobody where only one institution is meant."""
    return tuple(sorted(each.uid for each in resources)) if len(resources) > 1 else ()


def _change_of(activity_id: int) -> AlertChange:
    for change, (known_id, _) in OCSF_ACTIVITIES.items():
        if known_id == activity_id:
            return change
    message = f"no activity of a finding of ours: {activity_id}"
    raise msgspec.ValidationError(message)


def _severity_of(severity_id: int) -> Severity:
    for severity, (known_id, _) in OCSF_SEVERITIES.items():
        if known_id == severity_id:
            return severity
    message = f"no severity of a finding of ours: {severity_id}"
    raise msgspec.ValidationError(message)
