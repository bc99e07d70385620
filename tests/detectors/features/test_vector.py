"""The last day of an institution as a point: amounts on a log scale, shares as they are."""

from math import log1p

import pytest

from detectors.features.vector import DAY_FEATURES, day_point
from detectors.features.windows import AMOUNT_MAX, Quantity, Windows, WindowsState, zeros
from detectors.instants import DAY_MS
from tests.builders import features


def day_of(**amounts: int) -> Windows:
    """Return windows of one day, in which there were some amounts."""
    windows = Windows(WindowsState())
    taken = zeros()
    for name, amount in amounts.items():
        taken[Quantity[name.upper()]] = amount
    windows.add(100 * DAY_MS, taken)
    return windows


def test_each_place_of_the_point_is_what_its_name_says() -> None:
    """Of the largest amount an event may carry, and of all requests or all new participants."""
    windows = day_of(
        requests=40, bytes=700, rows=90, read=60, new=20, denied=10, off_hours=5, walked=15
    )
    point = dict(zip(DAY_FEATURES, features(windows=windows).day, strict=True))
    assert point == pytest.approx(
        {
            "requests": log1p(40) / 36.8,
            "bytes": log1p(700) / 36.8,
            "rows": log1p(90) / 36.8,
            "read_participants": log1p(60) / 36.8,
            "new_participants": log1p(20) / 36.8,
            "denied_ratio": 0.25,
            "off_hours_ratio": 0.25,
            "walked_ratio": 0.75,
        }
    )


def test_every_place_is_between_nothing_and_all() -> None:
    """Also where amounts are absurd, and of shares of nothing or of one."""
    assert day_point(day_of(bytes=AMOUNT_MAX, requests=1, denied=1))[:2] == pytest.approx(
        (log1p(1) / 36.8, 1.0)
    )
    assert day_point(day_of(requests=1, denied=1))[5] == 1.0
    assert day_point(day_of(denied=1))[5] == 1.0
