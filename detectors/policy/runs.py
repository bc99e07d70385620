"""Step 6 of 7: what was strange -> the runs of each channel, and which people were told of.

What people were told of may be a theft: whoever is loud must not make others' noise seem usual. So
its run says what it would have taken to be told of alone, and a tail counts no more of it.
"""

from math import fsum, log10
from typing import Final

from detectors.features.baseline import COMMON_COHORT
from detectors.feedback import Label
from detectors.incident import Incident
from detectors.instants import DAY_MS
from detectors.peers.reference import INCIDENT_CHANNEL, incident_rate, tail_of, usual_of
from detectors.policy.evaluate import Evaluation, group_of
from detectors.profile import Profile
from detectors.profile_state import OpenRun
from detectors.verdict import Run

# What still stands in a window is no new evidence: a run or an incident goes on only while it
# grows, by a quarter at least.
GROWTH_DECADES: Final = 0.1
# So many alerts may be labelled between two summaries of one institution.
_LABELS_MAX: Final = 64
_PEOPLE_CHANNEL: Final = "excess"


def note(profile: Profile, evaluation: Evaluation) -> None:
    """Remember what was looked at, and what was strange as part of its run."""
    today = profile.state.today
    today.judged = list(evaluation.features.new)
    today.judged_bytes = evaluation.features.hour_bytes
    incident = profile.state.incident
    for channel, value in evaluation.strange:
        run = _note_run(profile, channel, value, today=evaluation.at_ms // DAY_MS)
        if incident is not None and incident.raised:
            _mark_told(profile, channel, run, alert_id=incident.alert_id)
        _summarise(profile, channel, run)


def note_told(profile: Profile, incident: Incident) -> None:
    """Remember of all runs that go on that people have been told of them."""
    for channel, run in profile.state.open_runs.items():
        _mark_told(profile, channel, run, alert_id=incident.alert_id)
        _summarise(profile, channel, run)


def note_label(profile: Profile, alert_id: str, label: Label) -> None:
    """Let the next summary say what an alert turned out to be."""
    labels = profile.state.today.labels
    labels[alert_id] = label
    if len(labels) > _LABELS_MAX:
        del labels[next(iter(labels))]


def alert_score(profile: Profile, channel: str) -> float:
    """Return the score at which a channel alone is told of today, whatever else is unusual."""
    reference, group = profile.reference, group_of(profile)
    rate = incident_rate(reference, budget_rate=profile.budget_rate, group=group)
    tail = tail_of(reference, group, channel)
    if channel == INCIDENT_CHANNEL or channel not in profile.weights:
        return tail.score_at(rate)
    surprise = tail_of(reference, group, INCIDENT_CHANNEL).score_at(rate)
    weight = profile.weights[channel]
    # The weighted harmonic mean, of one channel that speaks while all others are silent.
    total = fsum(profile.weights.values())
    return tail.score_at(weight / (total * (10.0**surprise - 1.0) + weight))


def participants_needed(profile: Profile) -> int:
    """Return how many new people, taken at once, are told of at the latest today.

    Of an institution that takes what its peers usually do, and of whom nothing else is unusual.
    """
    scale = profile.config.cohort.size / COMMON_COHORT
    usual = usual_of(profile.reference, group_of(profile))[0]
    # The score of `excess` is a number of people in decades; a hopeless one is no number at all.
    score: float = min(alert_score(profile, _PEOPLE_CHANNEL), log10(COMMON_COHORT))
    return min(profile.config.cohort.size, round((usual + float(10.0**score)) * scale))


def _note_run(profile: Profile, channel: str, value: float, *, today: int) -> OpenRun:
    """Remember that `channel` was strange today, as part of its run."""
    runs = profile.state.open_runs
    run = runs.get(channel)
    if run is None:
        run = runs[channel] = OpenRun(
            first_day=today, last_day=today, peak_day=today, peak=value, mark=value
        )
    if value >= run.mark + GROWTH_DECADES:
        run.last_day, run.mark = max(run.last_day, today), value
    if value > run.peak:
        run.peak_day, run.peak = today, value
    return run


def _mark_told(profile: Profile, channel: str, run: OpenRun, *, alert_id: str) -> None:
    if not run.alert_id:
        run.alert_id, run.alert_score = alert_id, alert_score(profile, channel)


def _summarise(profile: Profile, channel: str, run: OpenRun) -> None:
    profile.state.today.runs[channel] = Run(
        first_day=run.first_day,
        peak_day=run.peak_day,
        peak=run.peak,
        alert_id=run.alert_id,
        alert_score=run.alert_score,
    )
