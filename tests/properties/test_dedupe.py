from hypothesis import given
from hypothesis import strategies as st

from detectors.features.dedupe import Dedupe, DedupeConfig, DedupeState

IDS = st.lists(st.integers(0, 12).map(str) | st.text(max_size=3), max_size=60)
SIZES = st.integers(1, 8)


@given(ids=IDS, events_max=SIZES)
def test_an_id_is_admitted_unless_it_is_among_the_last_admitted(
    ids: list[str], events_max: int
) -> None:
    """The window is exactly the last `events_max` admitted ids."""
    dedupe = Dedupe(DedupeConfig(events_max=events_max), DedupeState())
    admitted: list[str] = []
    for event_id in ids:
        expected = event_id not in admitted[-events_max:]
        assert dedupe.admit(event_id) is expected
        if expected:
            admitted.append(event_id)


@given(ids=IDS, events_max=SIZES, cut=st.integers(0, 60))
def test_a_restored_window_recognises_the_same_repeats(
    ids: list[str], events_max: int, cut: int
) -> None:
    """Eight bytes an id are all that a restart needs."""
    config = DedupeConfig(events_max=events_max)
    lasting, restarted = Dedupe(config, DedupeState()), Dedupe(config, DedupeState())
    for count, event_id in enumerate(ids):
        if count == cut:
            restarted = Dedupe(config, restarted.state)
        assert restarted.admit(event_id) is lasting.admit(event_id)
    assert restarted.state == lasting.state
    assert len(lasting.state.digests) <= 8 * events_max
