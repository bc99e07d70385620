"""Steps 3 to 6 of 7 in one screen: an event of one institution -> effects.

Pure and deterministic: event time only, no clock, no I/O, no randomness. The same events,
config, register and references give the same effects byte for byte, whatever the batching.
"""

from bisect import insort
from hashlib import blake2b
from typing import Final
from zlib import crc32

import msgspec
from pyroaring import BitMap64

from detectors.adoption import note_exempted
from detectors.closing import PUBLISHED_COHORT_RATIO, advance, new_holdings
from detectors.detector import Breachable, Score
from detectors.event import AccessEvent, FieldCount, time_ms
from detectors.features.ledger import NOBODY, Taken
from detectors.features.windows import AMOUNT_MAX, HOURS_PER_DAY, Measure, zeros
from detectors.models.volume import HOUR_MS, hour_of_week
from detectors.policy.decide import decide
from detectors.policy.evaluate import evaluate
from detectors.profile import Profile, open_profile
from detectors.reference import Reference
from detectors.verdict import Effect, Verdict

__all__ = ["Profile", "adopt_reference", "judge", "open_profile"]

_NAMES_MAX: Final = 64
_SAMPLES_MAX: Final = 5
_BYTES_FLOOR: Final = 1_000_000
_BYTES_GROWTH: Final = 2
_NIGHT_ENDS_HOUR: Final = 6
_NIGHT_BEGINS_HOUR: Final = 20
_SATURDAY: Final = 5
_PUBLISHED_GROWTH: Final = 2
_ENCODER: Final = msgspec.msgpack.Encoder()


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
    if not profile.dedupe.admit(event.id):
        state.repeats_count += 1
        return ()
    at_ms = time_ms(event)
    effects = advance(profile, at_ms) if at_ms // HOUR_MS > state.today.hour else ()
    state.events_count += 1
    succeeded = event.outcome == "success"
    taken = profile.ledger.take(event, at_ms=at_ms) if succeeded else NOBODY
    if not taken.named:
        state.counted_events += 1
    amounts = _amounts(event, taken, at_ms=at_ms)
    if taken.ids is not None:
        _note_order(profile, event, taken, amounts)
    profile.windows.add(at_ms, amounts)
    if at_ms // HOUR_MS == state.today.hour and succeeded:
        state.today.hour_bytes = min(AMOUNT_MAX, state.today.hour_bytes + event.bytes)
    if taken.learnt or taken.unlearnt:
        note_exempted(profile, taken)
    totals = profile.windows.new_totals() if taken.new else None
    if totals is not None:
        _remember(profile, event, taken.new, totals=totals)
    breaches = _breaches(profile, event, taken, at_ms=at_ms) if profile.rules and succeeded else ()
    if (
        breaches
        or _is_due(profile, totals)
        or (profile.quota.limited and profile.quota.crossed(profile.windows, amounts))
    ):
        # Late events are judged at the institution's own time, which never turns back.
        now_ms = max(state.frontier_ms, at_ms)
        state.frontier_ms = now_ms
        verdict = evaluate(profile, now_ms, breaches=breaches)
        _chain(profile, verdict)
        effects += decide(profile, verdict, at_ms=now_ms, event_id=event.id)
    return effects + _published(profile, at_ms) if taken.new else effects


def adopt_reference(profile: Profile, reference: Reference) -> None:
    """Judge against `reference` from now on."""
    profile.reference = reference


def _amounts(event: AccessEvent, taken: Taken, *, at_ms: int) -> list[int]:
    amounts = zeros()
    amounts[Measure.REQUESTS] = 1
    if event.outcome == "denied":
        amounts[Measure.DENIED] = 1
    if event.outcome == "success":
        amounts[Measure.BYTES] = event.bytes
        amounts[Measure.ROWS] = event.rows
        amounts[Measure.READ] = taken.read
        amounts[Measure.NEW] = taken.new
        amounts[Measure.GAINED] = taken.new + taken.exempted
        amounts[Measure.CELLS] = taken.read * _fields_count(event)
        if taken.new and _is_off_hours(at_ms):
            amounts[Measure.OFF_HOURS] = taken.new
    return amounts


def _note_order(profile: Profile, event: AccessEvent, taken: Taken, amounts: list[int]) -> None:
    """Note whether the user walks through the ids, or takes the same people slice by slice."""
    pages, user, ids = profile.state.today.pages, event.user or "", taken.ids
    if not ids:
        return
    if taken.new:
        if _walks_on(profile, user, ids):
            amounts[Measure.WALKED] = taken.new
        pages.pop(user, None)
        pages[user] = (ids.min(), ids.max(), taken.read, _fields_mark(event))
        if len(pages) > _NAMES_MAX:
            del pages[next(iter(pages))]
    elif (page := pages.get(user)) is not None and page[2] == taken.read:
        mark = _fields_mark(event)
        if page[3] != mark and (page[0], page[1]) == (ids.min(), ids.max()):
            amounts[Measure.SLICED] = taken.read
            pages[user] = (*page[:3], mark)


def _fields_mark(event: AccessEvent) -> int:
    """Return a number that tells one set of fields from another."""
    fields = event.fields
    if fields is None or isinstance(fields, FieldCount):
        return 0
    return crc32("\0".join(fields).encode())


def _walks_on(profile: Profile, user: str, ids: BitMap64) -> bool:
    """Tell whether this request begins beyond the user's last one; remember where it ends."""
    walks = profile.state.today.walks
    last = walks.pop(user, None)
    walks[user] = ids.max()
    if len(walks) > _NAMES_MAX:
        del walks[next(iter(walks))]
    return last is not None and ids.min() > last


def _breaches(
    profile: Profile, event: AccessEvent, taken: Taken, *, at_ms: int
) -> tuple[Score, ...]:
    """Return what the event breaks in the register."""
    breachable = Breachable(
        event=event,
        at_ms=at_ms,
        ids=taken.ids,
        new=taken.new,
        exempted=taken.exempted,
        held_participants=profile.ledger.state.held_participants,
        project_participants=profile.ledger.project_participants(event.project),
        project_grew=taken.project_new > taken.exempted,
        institution_bytes=profile.ledger.capped_bytes(None),
        project_bytes=profile.ledger.capped_bytes(event.project),
    )
    found = (rule.check(breachable) for rule in profile.rules)
    return tuple(score for score in found if score is not None)


def _published(profile: Profile, at_ms: int) -> tuple[Effect, ...]:
    """Tell the judge of several institutions whenever the day's new people have doubled."""
    today, taken = profile.state.today, profile.ledger.state.today_count
    least = PUBLISHED_COHORT_RATIO * profile.config.cohort.size
    if taken < max(least, _PUBLISHED_GROWTH * today.published_participants):
        return ()
    today.published_participants = taken
    return (new_holdings(profile, at_ms=at_ms),)


def _fields_count(event: AccessEvent) -> int:
    if event.fields is None:
        return 1
    return event.fields.count if isinstance(event.fields, FieldCount) else len(event.fields)


def _is_off_hours(at_ms: int) -> bool:
    day, hour = divmod(hour_of_week(at_ms), HOURS_PER_DAY)
    return day >= _SATURDAY or hour < _NIGHT_ENDS_HOUR or hour >= _NIGHT_BEGINS_HOUR


def _remember(profile: Profile, event: AccessEvent, new: int, *, totals: tuple[int, ...]) -> None:
    """Keep the day's maxima, who took how much, and the largest requests as samples."""
    today = profile.state.today
    today.new += new
    maxima = today.maxima
    for place, total in enumerate(totals):
        if total > maxima[place]:  # noqa: PLR1730 - every event comes this way: no call.
            maxima[place] = total
    if event.user is not None:
        _count(today.users, event.user, new)
    if event.project is not None:
        _count(today.projects, event.project, new)
    samples = today.samples
    if len(samples) < _SAMPLES_MAX or -new < samples[-1][0]:
        insort(samples, (-new, event.id))
        del samples[_SAMPLES_MAX:]


def _count(shares: dict[str, int], name: str, new: int) -> None:
    shares[name] = shares.get(name, 0) + new
    if len(shares) > _NAMES_MAX:
        del shares[min(shares, key=lambda key: (shares[key], key))]


def _is_due(profile: Profile, totals: tuple[int, ...] | None) -> bool:
    """Tell whether enough was taken since the last judgement to judge again."""
    today = profile.state.today
    # The 30 days hold all the shorter windows: below the floor there, nothing is to be judged.
    if totals is not None and totals[-1] >= profile.floor_participants:
        floor, judged = profile.floor_participants, today.judged
        growth = profile.config.policy.evaluation_growth_ratio
        for place, total in enumerate(totals):
            if total >= floor and total > judged[place] * growth:
                return True
    return today.hour_bytes > max(_BYTES_FLOOR, _BYTES_GROWTH * today.judged_bytes)


def _chain(profile: Profile, verdict: Verdict) -> None:
    """Fold the verdict into the chain: two histories with one chain judged the same."""
    digest = blake2b(profile.state.chain, digest_size=16)
    digest.update(_ENCODER.encode(verdict))
    profile.state.chain = digest.digest()
