"""Logs of a long-running command: one event a line, a sentence with a full stop, to stderr."""

import logging
import time
from typing import Final

FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s pid=%(process)d %(message)s"
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"
# They tell how they work; here it matters only when they don't.
_QUIET: Final = ("faust", "mode", "aiokafka", "asyncio", "kafka", "streams")


class OneLine(logging.Formatter):
    """Puts a traceback behind its sentence, so that a line stays an event."""

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        """Return the time in UTC, whatever the machine's zone."""
        return time.gmtime(seconds)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return super().format(record).replace("\n", " | ")


def set_up_logs(*, verbose: bool = False) -> None:
    """Log to stderr; the libraries below us only warn unless `verbose`."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(FORMAT, _TIME_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.ERROR)
