import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from detectors.models.collusion import clump_size

BLOCKS = 4_096
ids = st.one_of(st.integers(0, 499_999), st.integers(0, 2**64 - 1))


@given(st.sets(ids, min_size=1, max_size=300), st.integers(1, 2_000_000))
def test_the_size_of_clumps_is_variance_over_mean_of_4096_blocks(
    people: set[int], cohort_size: int
) -> None:
    """Counted block by block in the bitmap, it is what NumPy makes of the list of ids."""
    width = max(cohort_size, max(people) + 1) // BLOCKS + 1
    counts = np.bincount([participant // width for participant in people], minlength=BLOCKS)
    expected = max(1.0, float(counts.var() / counts.mean()))
    assert clump_size(BitMap64(people), cohort_size=cohort_size) == pytest.approx(expected)
