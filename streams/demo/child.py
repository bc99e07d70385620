"""A process of the demo's own, which ends with the demo, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from detectors.errors import HeadgateError
from streams.local_broker.reaper import Reaper

_STOP_SECONDS_MAX: Final = 12.0
_LINES_TOLD: Final = 5
_HEADGATE: Final = "from streams.cli import main; main()"


class ChildError(HeadgateError):
    """A process of the demo ended by itself; the sentence says with what."""


class Child:
    """`headgate <arguments>` as a process, as a context manager.

    The directory of `log_path` is the demo's own: if the demo is killed, it goes too.
    """

    __slots__ = ("_arguments", "_log_path", "_process", "_reaper")

    def __init__(self, arguments: Sequence[str], *, log_path: Path) -> None:
        """Start nothing yet."""
        self._arguments = tuple(arguments)
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._reaper: Reaper | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process else None

    def check(self) -> None:
        """Notice that it has ended by itself.

        Raises:
            ChildError: it has.
        """
        code = self._process.poll() if self._process else None
        if code is not None:
            lines = self._log_path.read_text(errors="replace").splitlines()[-_LINES_TOLD:]
            last_lines = "\n".join(lines)
            message = f"headgate {self._arguments[0]} ended with code {code}: {last_lines}"
            raise ChildError(message)

    def stop(self) -> None:
        """End it: politely, so that it saves and leaves its group, then not."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._reaper is not None:
            self._reaper.dismiss()
        self._process = self._reaper = None

    def __enter__(self) -> Self:
        """Start it in a session of its own: Ctrl-C must reach the demo alone."""
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ours
                [sys.executable, "-c", _HEADGATE, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        self._reaper = Reaper(self._process.pid, directory=self._log_path.parent)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
