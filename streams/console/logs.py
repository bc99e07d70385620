"""Logs of a long-running command: one event a line, a sentence with a full stop, to stderr."""

import logging
import time
from collections.abc import Callable
from typing import Final

from streams.clock import monotonic_seconds

FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s pid=%(process)d %(message)s"
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"
# They tell how they work; here it matters only when they don't.
_QUIET: Final = ("faust", "mode", "aiokafka", "asyncio", "kafka", "streams")
_SILENT_SECONDS: Final = 10.0


class Sparse(logging.Filter):
    """Lets each library below us say one line in ten seconds: a broker that is away says it often.

    >>> sparse = Sparse(now=iter([0.0, 1.0, 11.0]).__next__)
    >>> record = logging.makeLogRecord({"name": "aiokafka.conn"})
    >>> [sparse.filter(record) for _ in range(3)]
    [True, False, True]
    """

    def __init__(self, *, now: Callable[[], float] = monotonic_seconds) -> None:
        """Begin with nothing said."""
        super().__init__()
        self._now = now
        self._said_seconds: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record."""
        library = record.name.partition(".")[0]
        if library not in _QUIET:
            return True
        now_seconds = self._now()
        if now_seconds - self._said_seconds.get(library, -_SILENT_SECONDS) < _SILENT_SECONDS:
            return False
        self._said_seconds[library] = now_seconds
        return True


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
    if not verbose:
        handler.addFilter(Sparse())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.ERROR)
