"""Logs of a long-running command: one event a line to stderr, for a person or for a machine.

A call site says what happened as one fixed sentence, and to whom and where as keys, by the standard
library's `extra`; what libraries log takes the same way out. The keys are listed in
docs/operations.md.
"""

import json
import logging
import re
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Literal, get_args

import click
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter

from detectors.instants import SECOND_MS, rfc3339
from streams.clock import monotonic_seconds
from streams.console import LOG_HANDLER_NAME
from streams.console.wording import printable

LogFormat = Literal["text", "json"]

log_format_option: Final = click.option(
    "--log-format",
    type=click.Choice(get_args(LogFormat)),
    default="text",
    show_default=True,
    help="Log lines for a person, or one JSON object a line.",
)
# They tell how they work; here it matters only when they don't.
_LIBRARIES: Final = ("faust", "mode", "aiokafka", "asyncio", "kafka", "streams")
_SILENT_SECONDS: Final = 10.0
# Keys whose values are many lines.
_STACKS: Final = ("exception", "stacks")
_PLAIN: Final = re.compile(r"[^\s\"'=\\]+")

_Event = MutableMapping[str, Any]


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
        self._last_line_seconds: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record."""
        library = record.name.partition(".")[0]
        if library not in _LIBRARIES:
            return True
        now_seconds = self._now()
        last_line_seconds = self._last_line_seconds.get(library, -_SILENT_SECONDS)
        if now_seconds - last_line_seconds < _SILENT_SECONDS:
            return False
        self._last_line_seconds[library] = now_seconds
        return True


def set_up_logs(*, log_format: LogFormat, verbose: bool = False) -> None:
    """Log to stderr; the libraries below us only warn unless `verbose`."""
    handler = logging.StreamHandler()
    handler.set_name(LOG_HANDLER_NAME)
    handler.setFormatter(formatter(log_format))
    if not verbose:
        handler.addFilter(Sparse())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.ERROR)


def formatter(log_format: LogFormat) -> logging.Formatter:
    """Return what makes one line of each record of the standard library's logging."""
    render = structlog.processors.JSONRenderer() if log_format == "json" else _text
    return ProcessorFormatter(
        foreign_pre_chain=[ExtraAdder(), _origin, structlog.processors.format_exc_info],
        processors=[ProcessorFormatter.remove_processors_meta, render],
    )


def _origin(_logger: object, _method: str, event: _Event) -> _Event:
    """Return a new event that begins with when, how grave, by whom and what, in this order."""
    record: logging.LogRecord = event["_record"]
    return {
        "time": rfc3339(int(record.created * SECOND_MS)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "pid": record.process,
        "event": event.pop("event"),
        **event,
    }


def _text(_logger: object, _method: str, event: _Event) -> str:
    """Return an event as a person reads it, stacks last; nothing in it can begin a line."""
    stacks = [event.pop(key) for key in _STACKS if key in event]
    head = [event.pop("time"), event.pop("level").upper(), event.pop("logger")]
    head += [f"pid={event.pop('pid')}", event.pop("event")]
    words = head + [f"{key}={_value(value)}" for key, value in event.items()]
    return printable("\n".join([" ".join(words), *stacks]).replace("\n", " | "))


def _value(value: object) -> str:
    """Return a value so that one sees where it ends.

    >>> _value("inst-007"), _value([0, 1]), _value("no key")
    ('inst-007', '[0,1]', '"no key"')
    """
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, default=repr, ensure_ascii=False, separators=(",", ":"))
