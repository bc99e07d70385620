"""Steps 3 to 6 of 7 in one screen: an event of one institution -> effects.

Pure and deterministic: event time only, no clock, no I/O, no randomness. The same events,
config, register and references give the same effects byte for byte, whatever the batching.
"""

from hashlib import blake2b
from typing import Final
from zlib import crc32

import msgspec

from detectors.day_rollover import PUBLISHED_COHORT_RATIO, advance, new_holdings, note_maxima
from detectors.detector import Breach, RuleInput
from detectors.event import AccessEvent, time_ms
from detectors.features.datasets import counts_by_bytes
from detectors.features.failures import FAILED, broke_off, note_failed
from detectors.features.hour_takers import note_bytes
from detectors.features.ledger import NOBODY, Taken
from detectors.features.participant_sets import ParticipantSet, ends_of
from detectors.features.windows import (
    AMOUNT_MAX,
    BUCKET_MS,
    HOURS_PER_DAY,
    Quantity,
    bound,
    zeros,
)
from detectors.instants import DAY_MS, HOUR_MS
from detectors.instructions import note_exempted
from detectors.models.volume import hour_of_week
from detectors.policy.decide import decide
from detectors.policy.evaluate import compared, evaluate
from detectors.policy.news import note_untold
from detectors.policy.runs import note
from detectors.policy.unreadable import note_rejected, note_repaired
from detectors.profile import Profile, follow_references, open_profile
from detectors.profile_state import note_unnamed, note_unregistered
from detectors.register import is_of_the_unknown
from detectors.verdict import Effect, Verdict

__all__ = ["Profile", "follow_references", "judge", "note_rejected", "open_profile"]

_NAMES_MAX: Final = 64
_NIGHT_ENDS_HOUR: Final = 6
_NIGHT_BEGINS_HOUR: Final = 20
_SATURDAY: Final = 5
_PUBLISHED_GROWTH: Final = 2
_ENCODER: Final = msgspec.msgpack.Encoder()
# What is this much older than its institution's newest came late.
LATE_MS: Final = HOUR_MS
# Plain numbers: looking up an enum's member costs as much as the sum it is for.
_REQUESTS: Final = int(Quantity.REQUESTS)
_BYTES: Final = int(Quantity.BYTES)
_ROWS: Final = int(Quantity.ROWS)
_READ: Final = int(Quantity.READ)
_NEW: Final = int(Quantity.NEW)
_DENIED: Final = int(Quantity.DENIED)
_OFF_HOURS: Final = int(Quantity.OFF_HOURS)
_WALKED: Final = int(Quantity.WALKED)
_GAINED: Final = int(Quantity.GAINED)
_SLICED: Final = int(Quantity.SLICED)
_FILES: Final = int(Quantity.FILES)


def judge(profile: Profile, event: AccessEvent) -> tuple[Effect, ...]:
    """Apply one event and return what should happen; mostly nothing.

    >>> from detectors.config import CoreConfig
    >>> from detectors.event import Participants
    >>> profile = open_profile("north", config=CoreConfig())
    >>> everybody = Participants(ranges=[(0, 499_999)])
    >>> event = AccessEvent(
    ...     id="1", time=0, institution="north", dataset="imaging", participants=everybody
    ... )
    >>> judge(profile, event)[0].alert.coverage[0].after_ratio
    1.0
    """
    state = profile.state
    if not profile.dedupe.admit(event) and _brings_nobody(profile, event):
        state.repeats_count += 1
        return ()
    # Mostly it is a number already: a call costs more than to ask.
    at_ms = event.time if type(event.time) is int else time_ms(event)
    effects = advance(profile, at_ms) if at_ms >= profile.windows.ends_ms else ()
    # What comes late is judged, and dated, by the newest that came.
    if at_ms > state.frontier_ms:  # noqa: PLR1730 - a call costs more than all the rest.
        state.frontier_ms = at_ms
    state.events_count += 1
    taken, amounts = _take(profile, event, at_ms)
    if event.repairs is not None:
        effects += note_repaired(profile, event.repairs, event_id=event.id)
    if taken.gained:
        _note_gained(profile, event, taken, at_ms)
    breaches = _breaches(profile, event, taken, at_ms=at_ms) if profile.rules else ()
    if taken.read >= profile.set_participants_min:
        breaches += compared(profile, event, taken.participants, at_ms=at_ms)
    gate, windows = profile.gate, profile.windows
    if (
        breaches
        or state.today.hour_bytes > gate.next_evaluation_bytes
        or (
            taken.new
            and windows.state.open[_NEW] >= gate.next_evaluation_new(windows, state.today.judged)
        )
        or (profile.window_rules and _crossed(profile, amounts))
    ):
        effects += _judged(profile, event, breaches)
    return effects + _published(profile, at_ms) if taken.new else effects


def _brings_nobody(profile: Profile, event: AccessEvent) -> bool:
    """Tell whether all of a repeat's people are held: two lists may begin and end alike."""
    return not _delivers(profile, event) or profile.ledger.holds_all_of(event)


def _take(profile: Profile, event: AccessEvent, at_ms: int) -> tuple[Taken, list[int]]:
    """Book what the event took, in the ledger and in the windows, and return it."""
    windows = profile.windows
    late = at_ms < windows.begins_ms
    # What a limit asks is what this event alone has added; mostly nobody asks, and it is added up
    # where it lies.
    apart = late or profile.window_rules
    amounts = zeros() if apart else windows.state.open
    amounts[_REQUESTS] += 1
    failed = event.outcome in FAILED
    delivers = not failed or _delivers(profile, event)
    if delivers:
        taken = profile.ledger.take(event, at_ms)
        _book(amounts, event, taken, at_ms)
        if taken.participants:
            _note_order(profile, event, taken, taken.participants, amounts)
        else:
            note_unnamed(profile.state, event, taken)
    else:
        taken = NOBODY
        profile.ledger.count_bytes(event)
        amounts[_BYTES] += event.bytes
    today = profile.state.today
    if (delivers or event.bytes) and (not late or at_ms // HOUR_MS == today.hour):
        today.hour_bytes += event.bytes
        if today.hour_bytes > AMOUNT_MAX:  # noqa: PLR1730 - a call costs more than all the rest.
            today.hour_bytes = AMOUNT_MAX
        note_bytes(today.hour_takers, event)
    if failed:
        amounts[_DENIED] += event.outcome == "denied"
        note_failed(profile.state.failures, event, day=at_ms // DAY_MS, open_day=today.day)
    if apart:
        windows.add(at_ms, amounts)
    if late:
        profile.state.late_count += at_ms < profile.state.frontier_ms - LATE_MS
    return taken, amounts


def _delivers(profile: Profile, event: AccessEvent) -> bool:
    """Tell whether anybody's data left: it counts, however the request ended."""
    if event.outcome not in FAILED or broke_off(event):
        return True
    return event.bytes > 0 and counts_by_bytes(profile.ledger.catalogue, event)


def _note_gained(profile: Profile, event: AccessEvent, taken: Taken, at_ms: int) -> None:
    """Note who took how much that was never held before."""
    if taken.learnt or taken.unlearnt:
        note_exempted(profile, taken)
    if not taken.new:
        return
    _remember(profile, event, at_ms, taken.new)
    if at_ms < profile.windows.begins_ms:
        # What came late was added to closed sums.
        note_maxima(profile)
        profile.gate.forget_new()


def _judged(
    profile: Profile, event: AccessEvent, breaches: tuple[Breach, ...]
) -> tuple[Effect, ...]:
    """Evaluate all that stands now, and decide on it."""
    # Late events are judged at the institution's own time, which never turns back.
    now_ms = profile.state.frontier_ms
    evaluation = evaluate(profile, now_ms, breaches=breaches)
    note(profile, evaluation)
    profile.gate.reset(judged_bytes=profile.state.today.judged_bytes)
    _chain(profile, evaluation.verdict)
    return decide(profile, evaluation.verdict, at_ms=now_ms, event=event)


def _book(amounts: list[int], event: AccessEvent, taken: Taken, at_ms: int) -> None:
    """Add what the event took to `amounts`; all but who is new is bounded when somebody looks."""
    amounts[_BYTES] += event.bytes
    amounts[_ROWS] += event.rows
    amounts[_FILES] += event.files
    amounts[_READ] += taken.read
    if taken.gained:
        amounts[_GAINED] += taken.gained
        amounts[_NEW] += taken.new
        if _is_off_hours(at_ms):
            amounts[_OFF_HOURS] += taken.new
        if amounts[_GAINED] > AMOUNT_MAX:
            bound(amounts)


def _note_order(
    profile: Profile,
    event: AccessEvent,
    taken: Taken,
    people: ParticipantSet,
    amounts: list[int],
) -> None:
    """Note whether the user walks through the ids, or takes the same people slice by slice."""
    pages, user = profile.state.today.pages, event.user or ""
    if taken.new:
        first, last = ends_of(people)
        before = pages.pop(user, None)
        if before is not None and first > before[1]:
            amounts[_WALKED] += taken.new
        pages[user] = (first, last, taken.read, _fields_mark(event))
        if len(pages) > _NAMES_MAX:
            del pages[next(iter(pages))]
    elif (page := pages.get(user)) is not None and page[2] == taken.read:
        mark = _fields_mark(event)
        if page[3] != mark and page[:2] == ends_of(people):
            amounts[_SLICED] += taken.read
            pages[user] = (*page[:3], mark)


def _fields_mark(event: AccessEvent) -> int:
    """Return a number that tells one set of fields from another."""
    fields = event.fields
    return crc32("\0".join(fields).encode()) if isinstance(fields, list) else 0


def _breaches(
    profile: Profile, event: AccessEvent, taken: Taken, *, at_ms: int
) -> tuple[Breach, ...]:
    """Return what the event breaks in the register."""
    if not _delivers(profile, event):
        return ()
    rule_input = RuleInput(
        event=event,
        at_ms=at_ms,
        participants=taken.participants,
        new=taken.new,
        exempted=taken.exempted,
        held_participants=profile.ledger.class_participants(event.dataset),
        project_participants=profile.ledger.project_participants(event.project, event.dataset),
        project_grew=taken.project_new > taken.exempted,
        held_under_caps=tuple(profile.ledger.held_under_caps(event.dataset)),
        unregistered=is_of_the_unknown(profile.entry)
        and note_unregistered(profile.state, event.institution, taken.gained),
        institution_bytes=profile.ledger.capped_bytes(None),
        project_bytes=profile.ledger.capped_bytes(event.project),
    )
    breaches = (rule.evaluate(rule_input) for rule in profile.rules)
    return tuple(breach for breach in breaches if breach is not None)


def _crossed(profile: Profile, amounts: list[int]) -> bool:
    """Tell whether what the event added carried a limit over."""
    return any(rule.crossed(profile.windows, amounts) for rule in profile.window_rules)


def _published(profile: Profile, at_ms: int) -> tuple[Effect, ...]:
    """Tell the judge of several institutions whenever the day's new people have doubled."""
    today, taken = profile.state.today, profile.ledger.state.today_count
    if (
        taken < _PUBLISHED_GROWTH * today.published_participants
        or taken < PUBLISHED_COHORT_RATIO * profile.config.cohort.size
    ):
        return ()
    today.published_participants = taken
    return (new_holdings(profile, at_ms=at_ms),)


def _is_off_hours(at_ms: int) -> bool:
    day, hour = divmod(hour_of_week(at_ms), HOURS_PER_DAY)
    return day >= _SATURDAY or hour < _NIGHT_ENDS_HOUR or hour >= _NIGHT_BEGINS_HOUR


def _remember(profile: Profile, event: AccessEvent, at_ms: int, new: int) -> None:
    """Keep who took how many new participants, by the same 5 minutes as their sum."""
    profile.state.today.new += new
    incident = profile.state.incident
    if incident is not None and incident.raised:
        note_untold(profile, incident, event, new)
    profile.takers.add(
        at_ms // BUCKET_MS,
        open_bucket=profile.state.windows.bucket,
        user=event.user,
        project=event.project,
        new=new,
        event_id=event.id,
    )


def _chain(profile: Profile, verdict: Verdict) -> None:
    """Fold the verdict into the chain: two histories with one chain judged the same."""
    digest = blake2b(profile.state.chain, digest_size=16)
    digest.update(_ENCODER.encode(verdict))
    profile.state.chain = digest.digest()
