"""A repeat is an event that said the same before, within a bounded window."""

from hypothesis import given
from hypothesis import strategies as st

from detectors.event import AccessEvent, Participants
from detectors.features.dedupe import Dedupe, DedupeConfig, DedupeState

SIZES = st.integers(1, 8)
people = st.one_of(
    st.none(),
    st.builds(
        # Lists that begin and count alike are told apart by who is held, not by this window.
        lambda first, count: Participants(ids=list(range(first, first + count))),
        st.integers(0, 3),
        st.integers(1, 2),
    ),
    st.builds(lambda last: Participants(ranges=[(0, last)]), st.integers(0, 2)),
    st.builds(lambda raw: Participants(bitmap=raw), st.binary(min_size=1, max_size=1)),
    st.builds(lambda count: Participants(count=count), st.integers(1, 2)),
)
EVENTS = st.lists(
    st.builds(
        AccessEvent,
        id=st.integers(0, 4).map(str) | st.text(max_size=3),
        time=st.just(0),
        institution=st.just("i"),
        dataset=st.just("d"),
        rows=st.integers(0, 1),
        files=st.integers(0, 1),
        participants=people,
    ),
    max_size=60,
)


@given(events=EVENTS, events_max=SIZES)
def test_an_event_is_admitted_unless_it_is_among_the_last_admitted(
    events: list[AccessEvent], events_max: int
) -> None:
    """The window is exactly the last `events_max`; an id with other content is no repeat."""
    dedupe = Dedupe(DedupeConfig(events_max=events_max), DedupeState())
    admitted: list[AccessEvent] = []
    for event in events:
        expected = event not in admitted[-events_max:]
        assert dedupe.admit(event) is expected
        if expected:
            admitted.append(event)


@given(events=EVENTS, events_max=SIZES, cut=st.integers(0, 60))
def test_a_restored_window_recognises_the_same_repeats(
    events: list[AccessEvent], events_max: int, cut: int
) -> None:
    """Eight bytes an event are all that a restart needs."""
    config = DedupeConfig(events_max=events_max)
    lasting, restarted = Dedupe(config, DedupeState()), Dedupe(config, DedupeState())
    for count, event in enumerate(events):
        if count == cut:
            restarted = Dedupe(config, restarted.state)
        assert restarted.admit(event) is lasting.admit(event)
    assert restarted.state == lasting.state
    assert len(lasting.state.digests) <= 8 * events_max
