"""Ending the process at once, with a sentence and a code that say why.

Where going on could lose or double something, the worker stops: what is durable is consistent,
and whoever supervises it starts it again from there. Nothing may run in between, no handler and
no buffer flush, so this is `os._exit`.
"""

import logging
import os
import sys
from enum import IntEnum
from typing import NoReturn

logger = logging.getLogger("headgate")


class ExitCode(IntEnum):
    """Why a worker stopped by itself."""

    CHECKPOINT_FAILED = 70
    LEASE_LOST = 71
    OFFSET_GAP = 72
    STATE_REFUSED = 73
    TOO_MANY_DEAD_LETTERS = 74
    RECOVERY_STUCK = 75
    BUG = 76
    CONNECTION_LOST = 77
    STALLED = 78


def fail_stop(code: ExitCode, sentence: str) -> NoReturn:
    """Say why, and end the process here."""
    reason = code.name.lower()
    logger.critical(
        "Stopped by itself.",
        extra={"exit_code": int(code), "reason": reason, "detail": sentence},
    )
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
