"""The shell's clock: the one place that reads the time. The core never does."""

import time


def wall_ms() -> int:
    """Return the time of day in ms since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def monotonic_seconds() -> float:
    """Return seconds that never run backwards and stop for nothing but a suspended machine."""
    return time.monotonic()
