"""What the peers run: our own decoding and judge(), one record at a time, and the rate of it.

Alerts are not sent and no state is saved: both are left out in the peers' favour.
"""

import os
import time
from typing import Final

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.pipeline import Profile, judge, open_profile
from streams.ingest.codec import DecodeConfig, decode, decode_limits

WARM_UP_COUNT: Final = 5_000
CONFIG: Final = CoreConfig()
LIMITS: Final = decode_limits(DecodeConfig(), CONFIG.cohort)


class Judging:
    """Judges records until it has seen enough, says how fast that was, and ends the process."""

    __slots__ = ("_began", "_count", "_left", "_profiles")

    def __init__(self, count: int) -> None:
        """Take how many records count, after the first ones."""
        self._count = count
        self._left = WARM_UP_COUNT + count
        self._profiles: dict[str, Profile] = {}
        self._began = (0.0, 0.0)

    def take(self, value: bytes | None) -> None:
        """Judge one record."""
        event = decode(value, limits=LIMITS)
        if isinstance(event, AccessEvent):
            profile = self._profiles.get(event.institution)
            if profile is None:
                profile = open_profile(event.institution, config=CONFIG)
                self._profiles[event.institution] = profile
            judge(profile, event)
        self._left -= 1
        if self._left == self._count:
            self._began = (time.perf_counter(), time.process_time())
        elif self._left == 0:
            self._tell()

    def _tell(self) -> None:
        seconds = time.perf_counter() - self._began[0]
        cpu_seconds = time.process_time() - self._began[1]
        # Past whatever the framework does with standard output; nothing is to be saved.
        os.write(1, f"RATE {self._count / seconds} {self._count / cpu_seconds}\n".encode())
        os._exit(0)
