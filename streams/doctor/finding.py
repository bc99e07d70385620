"""What one check found, and the advice that goes with it."""

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the doctor's report; whoever gets a warning or a failure gets advice too."""

    check: str
    level: Level
    said: str
    advice: str = ""


def ok(check: str, said: str) -> Finding:
    """Say that there is nothing to do."""
    return Finding(check=check, level="ok", said=said)


def warn(check: str, said: str, *, advice: str) -> Finding:
    """Say that it works, but not for ever or not for everybody."""
    return Finding(check=check, level="warn", said=said, advice=advice)


def fail(check: str, said: str, *, advice: str) -> Finding:
    """Say that a worker can't do its job until this is put right."""
    return Finding(check=check, level="fail", said=said, advice=advice)
