"""Where runs of ids begin and end, and whether two of them meet where nobody ever stopped."""

import pytest
from pyroaring import BitMap64

from detectors.models.collusion.junctions import Borders, edges_of


@pytest.mark.parametrize(
    ("people", "edges"),
    [
        pytest.param(BitMap64(), ((), ()), id="nobody"),
        pytest.param(BitMap64(range(301)), ((), ()), id="too short"),
        pytest.param(BitMap64(range(302)), ((0,), (302,)), id="just long enough"),
        pytest.param(BitMap64(range(0, 1_200, 2)), ((), ()), id="half is not most"),
        pytest.param(
            BitMap64([*range(400), *range(431, 900)]), ((0,), (900,)), id="a gap of 32 is bridged"
        ),
        pytest.param(
            BitMap64([*range(400), *range(432, 900)]),
            ((0, 432), (400, 900)),
            id="a gap of 33 is an end",
        ),
    ],
)
def test_long_dense_runs_have_edges(
    people: BitMap64, edges: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """The end is the id after the last."""
    assert edges_of(people) == edges


@pytest.mark.parametrize(
    ("first", "junctions"),
    [(2_000, (2_000,)), (2_004, (2_000,)), (1_996, (2_000,)), (2_005, ()), (1_995, ())],
)
def test_ends_within_four_ids_meet(first: int, junctions: tuple[int, ...]) -> None:
    """In whichever order the two are named."""
    borders = Borders()
    borders.add("east", BitMap64(range(1_000, 2_000)))
    borders.add("north", BitMap64(range(first, 3_000)))
    assert borders.fresh_junctions("east", "north") == junctions
    assert borders.fresh_junctions("north", "east") == junctions


def test_a_border_that_a_third_ever_used_is_no_junction() -> None:
    """Also long ago: a region's end stays where it is."""
    borders = Borders()
    borders.add("west", BitMap64(range(2_001, 4_000)))
    borders.add("west", BitMap64(range(50_000, 51_000)))
    borders.add("east", BitMap64(range(1_000, 2_000)))
    borders.add("north", BitMap64(range(2_000, 3_000)))
    assert borders.fresh_junctions("east", "north") == ()


@pytest.mark.parametrize(
    ("first", "is_fresh"), [(1_991, True), (1_992, False), (2_015, False), (2_016, True)]
)
def test_a_third_border_counts_from_near_by(first: int, *, is_fresh: bool) -> None:
    """In the eight ids of the junction, or in the eight on either side."""
    borders = Borders()
    borders.add("east", BitMap64(range(1_000, 2_000)))
    borders.add("north", BitMap64(range(2_000, 3_000)))
    borders.add("west", BitMap64(range(first, 5_000)))
    assert borders.fresh_junctions("east", "north") == ((2_000,) if is_fresh else ())


def test_who_is_unknown_meets_nobody() -> None:
    """An institution below the floor has no edges."""
    assert Borders().fresh_junctions("east", "north") == ()
