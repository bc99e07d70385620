"""Step 6 of 7: an alert -> what it was about, for whatever people will say of it.

A label is about what was taken when it was said, and by whom: an export that was expected of one
user exempts no other, and a false positive on a thousand people is none on a hundred thousand.
"""

from typing import Final

from msgspec.structs import replace

from detectors.incident import AlertSubject
from detectors.policy.explain import MAJORITY_RATIO
from detectors.profile import Profile
from detectors.register import NOBODY_NAMED, Exemption
from detectors.verdict import Alert, DatasetCoverage

# Of so many alerts it is known what they were about; labels come late, but not that late.
_SUBJECTS_MAX: Final = 16
# However few were taken, a label of a false positive holds for so much of the cohort more.
_LABEL_COHORT_RATIO: Final = 0.01


def remember_subject(profile: Profile, alert: Alert) -> None:
    """Keep what an alert is about: whoever, and whatever, half or more of it is of."""
    subjects = profile.state.alert_subjects
    subjects.pop(alert.alert_id, None)
    subjects[alert.alert_id] = AlertSubject(
        user=_user_of(alert),
        project=alert.top_project if alert.top_project_share >= MAJORITY_RATIO else None,
        dataset=_dataset_of(alert.coverage),
        taken_participants=alert.taken_participants,
    )
    if len(subjects) > _SUBJECTS_MAX:
        del subjects[next(iter(subjects))]


def narrowed(profile: Profile, exemption: Exemption, alert_id: str) -> Exemption:
    """Return an exemption of no more than the user, project and dataset that an alert was about."""
    subject = profile.state.alert_subjects.get(alert_id)
    if subject is None:
        return exemption
    return replace(exemption, user=subject.user, project=subject.project, dataset=subject.dataset)


def participants_labelled(profile: Profile, alert_id: str) -> int | None:
    """Return until how many unapproved people in all a label holds: for as many again.

    None where nobody knows what the alert was about.
    """
    subject = profile.state.alert_subjects.get(alert_id)
    if subject is None:
        return None
    floor = int(_LABEL_COHORT_RATIO * profile.config.cohort.size)
    return profile.ledger.unapproved_participants + max(floor, subject.taken_participants)


def _user_of(alert: Alert) -> str | None:
    if alert.top_user is not None and alert.top_user_share >= MAJORITY_RATIO:
        return alert.top_user
    shares = alert.shares
    mostly_nobody = shares is not None and shares.nobody >= MAJORITY_RATIO * max(1, shares.total)
    return NOBODY_NAMED if mostly_nobody else None


def _dataset_of(coverage: tuple[DatasetCoverage, ...]) -> str | None:
    """Return the dataset that grew most, if it is half of all that grew."""
    grown = {each.dataset: each.after_ratio - each.before_ratio for each in coverage}
    most = max(grown, key=lambda name: (grown[name], name), default=None)
    if most is None or grown[most] <= 0.0:
        return None
    return most if grown[most] >= MAJORITY_RATIO * sum(grown.values()) else None
