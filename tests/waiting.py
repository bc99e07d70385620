"""To wait for the world: look until it is so, and fail where it takes too long."""

import time
from collections.abc import Callable

SECONDS_MAX = 60
LOOK_SECONDS = 0.1


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look until it is so, for a minute at most."""
    end_seconds = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < end_seconds, f"{is_so}: not in {SECONDS_MAX} s"
        time.sleep(LOOK_SECONDS)
