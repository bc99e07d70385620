from random import Random

from hypothesis import given
from hypothesis import strategies as st
from river import stats

from detectors.models.volume import VolumeState, fold, variance_of

# Residuals are differences of logs of bytes, which end at 2**63.
residuals = st.floats(min_value=-50.0, max_value=50.0)


def same_as_river(values: list[float]) -> None:
    """Fold the values into our numbers and into River's, and compare to the bit after each."""
    state, river = VolumeState(), stats.Var()
    for value in values:
        fold(state, value)
        river.update(value)
        assert (state.count, state.mean) == (river.mean.n, river.mean.get())
        assert variance_of(state) == river.get()


@given(st.lists(residuals, max_size=60))
def test_mean_and_variance_are_those_of_river_to_the_bit(values: list[float]) -> None:
    """Ours are three lines, so that a saved state needs no private name of River's."""
    same_as_river(values)


def test_they_stay_the_same_over_a_long_time() -> None:
    """No rounding adds up: eleven years of hours."""
    random = Random(11)
    same_as_river([random.gauss(0.0, 3.0) for _ in range(100_000)])
