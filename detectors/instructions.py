"""An instruction of the response -> how an institution is judged from now on.

Each carries its line of the audit: one that comes twice, or late, has no effect. It lies in the
institution's own partition, so that a replay applies it at the same event.

Who was renamed by the register, or became part of another, holds what was held under the former
name: of it nobody is new, and what people were told of goes on under the same alert.
"""

from copy import deepcopy
from typing import Final

from msgspec.structs import replace

from detectors.config_schedule import Schedule
from detectors.event import AccessEvent, Participants
from detectors.features.baseline import LEARNT_WINDOWS
from detectors.features.datasets import catalogue_of
from detectors.features.ledger import Ledger, Taken
from detectors.features.participant_sets import empty_holding
from detectors.features.windows import Quantity
from detectors.feedback import Feedback, Label
from detectors.policy.alert_subject import narrowed, participants_labelled
from detectors.policy.runs import note_label
from detectors.profile import Profile
from detectors.profile_state import ProfileMemory, PValuePenalty
from detectors.register import Institution, Registered, bound_ms

# Beyond so many open ones, the oldest word of people on one institution is forgotten.
_EXEMPTIONS_MAX: Final = 64


def apply_instruction(
    profile: Profile, instruction: Registered | Feedback, *, sequence: int
) -> None:
    """Judge by an instruction from now on."""
    if sequence <= profile.state.instruction_sequence:
        return
    profile.state.instruction_sequence = sequence
    if isinstance(instruction, Registered):
        _apply_registered(profile, instruction.entry)
    else:
        _apply_feedback(profile, instruction)


def switch_config(profile: Profile, schedule: Schedule, *, at_ms: int) -> None:
    """Judge an event of `at_ms` under what holds by then; the state remembers which that is.

    To be called where the profile's cursor is on another schedule, or its `due_ms` has come.
    """
    cursor = profile.config_cursor
    held = cursor.move(schedule, at_ms=at_ms, sequence=profile.state.config_sequence)
    profile.state.config_sequence = held.sequence
    if profile.config != held.config:
        profile.apply_config(held.config, profile.ledger.state)


def _apply_registered(profile: Profile, entry: Institution | None) -> None:
    """Hold the institution to a new register entry; without one nothing is approved for it."""
    profile.state.entry = entry or Institution(id=profile.state.institution)
    profile.apply_register(profile.ledger.state)


def _apply_feedback(profile: Profile, feedback: Feedback) -> None:
    """Raise the bar after a false positive; exempt what was expected; take back what was wrong."""
    state = profile.state
    note_label(profile, feedback.alert_id, feedback.label)
    name = f"feedback {feedback.alert_id}"
    now_ms = state.frontier_ms
    remaining = [
        exemption
        for exemption in state.exemptions
        if exemption.id != name and bound_ms(exemption.valid_to) > now_ms
    ]
    state.exemptions = remaining[-_EXEMPTIONS_MAX + 1 :]
    if feedback.exemption is not None:
        state.exemptions.append(narrowed(profile, feedback.exemption, feedback.alert_id))
    if feedback.label is Label.FALSE_POSITIVE:
        for detector in feedback.detectors:
            state.penalties[detector] = PValuePenalty(
                factor=feedback.factor,
                until_ms=feedback.until_ms,
                participants_max=participants_labelled(profile, feedback.alert_id),
            )
    elif feedback.label is Label.CONFIRMED:
        # What proved right is listened to again.
        for detector in feedback.detectors:
            state.penalties.pop(detector, None)
    profile.apply_register(profile.ledger.state)


def note_exempted(profile: Profile, taken: Taken) -> None:
    """Let the day learn what an exemption lets it learn, and forget a day that it must not."""
    today = profile.state.today
    today.unlearnt |= taken.unlearnt
    if taken.learnt:
        for place, window in enumerate(LEARNT_WINDOWS):
            gained = profile.windows.total(window, Quantity.GAINED)
            today.maxima[place] = max(today.maxima[place], gained)


def succeeded(profile: Profile, former: Profile, *, name: str) -> Profile:
    """Return who judges on, once all that `former` knew under `name` is theirs; it knows no more.

    `former` keeps its holdings, for what was dated before.
    """
    if profile.state.events_count:
        inherit(profile, former)
    else:
        profile = renamed(former, profile)
    profile.state.former_names = [*profile.state.former_names, name]
    former.state.incident = None
    return profile


def renamed(former: Profile, successor: Profile) -> Profile:
    """Return a judge who knows all that `former` knows, under the name and entry of `successor`."""
    memory = ProfileMemory(
        state=replace(former.state, windows=former.windows.snapshot()),
        detectors=former.detector_states,
        dedupe=former.dedupe.state,
        ledger=former.ledger.state,
    )
    profile = Profile(
        deepcopy(memory),
        config=successor.config,
        entry=successor.registered,
        reference=successor.reference,
    )
    profile.state.institution = successor.state.institution
    profile.state.entry = successor.state.entry
    profile.state.instruction_sequence = successor.state.instruction_sequence
    profile.apply_register(profile.ledger.state)
    return profile


def inherit(profile: Profile, former: Profile) -> None:
    """Let a judge hold what `former` holds, and go on with its incident; none of it is taken."""
    state, ledger, own = profile.ledger.state, profile.ledger, former.ledger.state
    held_before = {name: holding.held_participants for name, holding in state.holdings.items()}
    own_before = ledger.unapproved_participants
    former_now = former.ledger.unapproved_participants
    today, today_count = state.today.copy(), state.today_count
    # Under no entry, so that no approval is used up by it.
    plain = Ledger(
        state,
        Institution(id=profile.entry.id),
        datasets_max=ledger.datasets_max,
        cohort_size=ledger.cohort_size,
        catalogue=catalogue_of(profile.config.datasets),
    )
    for dataset, holding in own.holdings.items():
        people = Participants(ids=list(holding.base | holding.recent))
        if people.ids:
            event = AccessEvent(id="", time=0, institution="", dataset=dataset, participants=people)
            plain.take(event, at_ms=former.state.frontier_ms)
        both = state.holdings.setdefault(dataset, empty_holding())
        counted = both.counted_participants + holding.counted_participants
        both.counted_participants = min(ledger.cohort_size, counted)
    for dataset, units in own.estimated.items():
        state.estimated[dataset] = max(units, state.estimated.get(dataset, 0))
    state.today, state.today_count = today, today_count
    state.exempted_participants += own.exempted_participants
    profile.apply_register(state)
    now = profile.ledger.unapproved_participants
    profile.state.today.unapproved_participants_before += now - own_before
    incident = former.state.incident
    if profile.state.incident is not None:
        profile.state.incident.unapproved_participants_before += now - own_before
    elif incident is not None:
        incident.unapproved_participants_before += now - former_now
        for dataset, held in held_before.items():
            incident.held_before[dataset] = incident.held_before.get(dataset, 0) + held
        profile.state.incident = incident
