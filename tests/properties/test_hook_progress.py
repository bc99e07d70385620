"""How far deliveries got: never beyond one that is open, whatever order they end in."""

from hypothesis import given
from hypothesis import strategies as st

from streams.hooks.progress import DeliveryProgress


@given(st.data())
def test_the_position_is_that_of_the_first_open_delivery(data: st.DataObject) -> None:
    """So a restart from there repeats what had ended behind it, and passes over nothing."""
    offsets = sorted(data.draw(st.sets(st.integers(0, 200), min_size=1)))
    progress = DeliveryProgress()
    is_open: list[int] = []
    taken: list[int] = []
    while len(taken) < len(offsets) or is_open:
        may_take = len(taken) < len(offsets)
        if may_take and (not is_open or data.draw(st.booleans())):
            taken.append(offsets[len(taken)])
            is_open.append(taken[-1])
            progress.took(taken[-1])
        else:
            ended = data.draw(st.sampled_from(is_open))
            is_open.remove(ended)
            progress.ended(ended)
        expected = min(is_open) if is_open else taken[-1] + 1
        assert progress.position == expected
