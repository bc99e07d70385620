"""An instruction of the response -> how an institution is judged from now on.

Each carries its line of the audit: one that comes twice, or late, has no effect. It lies in the
institution's own partition, so that a replay applies it at the same event.
"""

from typing import Final

from detectors.config_schedule import Schedule
from detectors.features.baseline import LEARNT_WINDOWS
from detectors.features.ledger import Taken
from detectors.features.windows import Quantity
from detectors.feedback import Feedback, Label
from detectors.profile import Profile
from detectors.profile_state import PValuePenalty
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
    name = f"feedback {feedback.alert_id}"
    now_ms = state.frontier_ms
    remaining = [
        exemption
        for exemption in state.exemptions
        if exemption.id != name and bound_ms(exemption.valid_to) > now_ms
    ]
    state.exemptions = remaining[-_EXEMPTIONS_MAX + 1 :]
    if feedback.exemption is not None:
        state.exemptions.append(feedback.exemption)
    if feedback.label is Label.FALSE_POSITIVE:
        for detector in feedback.detectors:
            state.penalties[detector] = PValuePenalty(
                factor=feedback.factor, until_ms=feedback.until_ms
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
