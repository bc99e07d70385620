"""Limits on what an hour, a day and a month may have: each in its own window and quantity."""

import msgspec
import pytest

from detectors.detector import Breach
from detectors.features.windows import Quantity, Window, Windows, WindowsState, zeros
from detectors.instants import DAY_MS, HOUR_MS
from detectors.models.quota import Quota, QuotaConfig
from tests.builders import features

LIMITS = [
    ("new_participants_hour_max", Window.HOUR, Quantity.GAINED, "new_participants", 3_600),
    ("new_participants_day_max", Window.DAY, Quantity.GAINED, "new_participants", 86_400),
    ("new_participants_month_max", Window.MONTH, Quantity.GAINED, "new_participants", 2_592_000),
    ("bytes_day_max", Window.DAY, Quantity.BYTES, "bytes", 86_400),
    ("rows_day_max", Window.DAY, Quantity.ROWS, "rows", 86_400),
    ("files_day_max", Window.DAY, Quantity.FILES, "files", 86_400),
]
AGO_MS = {Window.HOUR: 2 * HOUR_MS, Window.DAY: 2 * DAY_MS, Window.MONTH: 31 * DAY_MS}


@pytest.mark.parametrize(("limit", "window", "quantity", "feature", "seconds"), LIMITS)
def test_a_limit_is_crossed_by_one_more_than_it_allows(
    limit: str, window: Window, quantity: Quantity, feature: str, seconds: int
) -> None:
    """Only what its window holds counts, it is crossed once, and it is passed from then on."""
    quota = Quota(msgspec.convert({limit: 10}, QuotaConfig))
    windows = Windows(WindowsState())
    now_ms = 100 * DAY_MS
    steps = []
    for at_ms, amount in [(now_ms - AGO_MS[window], 9), (now_ms, 10), (now_ms, 1), (now_ms, 1)]:
        amounts = zeros()
        amounts[quantity] = amount
        windows.add(at_ms, amounts)
        passed = quota.evaluate(features(at_ms=at_ms, windows=windows))
        steps.append((quota.crossed(windows, amounts), [breach.observed for breach in passed]))
    assert steps == [(False, []), (False, []), (True, [11.0]), (False, [12.0])]
    assert passed == (
        Breach(
            detector="quota",
            feature=feature,
            window_seconds=seconds,
            observed=12.0,
            expected=10.0,
        ),
    )
