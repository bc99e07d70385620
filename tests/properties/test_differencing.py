"""Sets that differ by few people are found, and what is remembered survives a restart."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from detectors.event import AccessEvent
from detectors.features.participant_sets import ParticipantSet
from detectors.models.differencing.config import DifferencingConfig
from detectors.models.differencing.kept_sets import KeptSets
from detectors.models.differencing.result_set import forms_of, span_of
from detectors.models.differencing.rule import Differencing
from detectors.models.differencing.state import DifferencingState, Lonely

COHORT = range(400)
CONFIG = DifferencingConfig(apart_participants_min=6, settled_hours=0, allowed_differences=0)
SPANS = st.tuples(st.integers(0, 379), st.integers(20, 400)).map(
    lambda pair: range(pair[0], min(400, pair[0] + pair[1]))
)
NUDGES = st.sets(st.integers(0, 399), max_size=8)


def nudged(people: range, nudge: set[int], kind: str) -> ParticipantSet:
    """Return people with some toggled, in the form in which an event may give them."""
    if not nudge and kind == "range":
        return people
    toggled = set(people) ^ nudge
    return BitMap64(toggled) if kind == "bitmap" else toggled


SETS = st.builds(nudged, SPANS, NUDGES, st.sampled_from(["range", "set", "bitmap"])).filter(
    lambda people: len(people) >= 20
)


@given(st.lists(SETS, min_size=1, max_size=20), SETS)
def test_every_kept_set_that_differs_by_few_is_found(
    earlier: list[ParticipantSet], people: ParticipantSet
) -> None:
    """By brute force over all of them: as they are, and as the rest of the cohort."""
    stored = KeptSets(DifferencingState(), CONFIG)
    for known in earlier:
        form = forms_of(known, cohort=COHORT, reach=17)[0]
        first, beyond, bitmap = span_of(form)
        lonely = Lonely(0, 1, form.count, first, beyond, 0, 0, 1, 0, "e")
        stored.keep(lonely, bitmap)
    forms = forms_of(people, cohort=COHORT, reach=17)
    matched = {
        (match.number, tuple(sorted(away)))
        for form in forms
        for match, away in stored.near(form, 1)
    }
    ours, everybody = set(people), set(COHORT)
    # By neighbours that are alone a part of the set's own size is asked for beforehand.
    apart_max = min(5, int(CONFIG.apart_ratio_max * min(len(ours), 400 - len(ours))))
    for number, known in enumerate(earlier, start=1):
        for whom in (ours, everybody - ours):
            apart = set(known) ^ whom
            if len(apart) <= apart_max:
                assert (number, tuple(sorted(apart))) in matched
    assert stored.near(forms[0], 2) == []


EVENTS = st.lists(
    st.tuples(
        SETS,
        st.sampled_from(["ada", "ben", None]),
        st.sampled_from(["p1", "p2", None]),
        st.integers(0, 40 * 3_600_000),
    ),
    max_size=25,
)


def rule_on(state: DifferencingState) -> Differencing:
    """Return the rule on a state."""
    return Differencing(CONFIG, state, cohort=COHORT, has_spaces=False)


def restored(state: DifferencingState) -> DifferencingState:
    """Return a state as it comes back from what was saved."""
    raw = msgspec.msgpack.encode(state.without_parts())
    back = msgspec.msgpack.decode(raw, type=DifferencingState)
    back.restore(dict(state.parts()))
    return back


@given(EVENTS, st.integers(0, 25))
def test_a_restart_anywhere_changes_nothing(
    asked: list[tuple[ParticipantSet, str | None, str | None, int]], cut: int
) -> None:
    """Neither what is said, nor a byte of what is remembered."""
    lasting, restarted = rule_on(DifferencingState()), rule_on(DifferencingState())
    now_ms = 0
    for number, (people, user, project, gap_ms) in enumerate(asked):
        if number == cut:
            restarted = rule_on(restored(restarted.state))
        now_ms += gap_ms
        event = AccessEvent(
            id=str(number), time=now_ms, institution="i", dataset="d", user=user, project=project
        )
        for rule in (lasting, restarted):
            rule.note(event, people, at_ms=now_ms)
        assert restarted.evaluate(event) == lasting.evaluate(event)
        assert restarted.earlier(event) == lasting.earlier(event)
    assert msgspec.msgpack.encode(restarted.state) == msgspec.msgpack.encode(lasting.state)
