"""What must not outlive its owner: a process, and the directory that it works in.

An owner that is killed cannot tidy up. A shell beside it waits for the pipe between them to close,
which the operating system does for every process that ends, however it ends.
"""

import subprocess
from pathlib import Path
from typing import Final

_SCRIPT: Final = 'read -r line; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf -- "$2"'


class Reaper:
    """Kills a process, and removes a directory if one is given, once this process has ended."""

    __slots__ = ("_shell",)

    def __init__(self, pid: int, *, directory: Path | None) -> None:
        """Begin to wait, in a session of its own: Ctrl-C in a terminal must not reach it."""
        self._shell = subprocess.Popen(  # noqa: S603 - ours
            ["/bin/sh", "-c", _SCRIPT, "headgate-reaper", str(pid), str(directory or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Do nothing of it; called before the process is collected, whose id may be used again."""
        self._shell.kill()
        self._shell.communicate()
