"""What one check found, and the advice that goes with it."""

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the doctor's report; whoever gets a warning or a failure gets advice too."""

    check: str
    level: Level
    sentence: str
    advice: str = ""


def ok(check: str, sentence: str) -> Finding:
    """Say that there is nothing to do."""
    return Finding(check=check, level="ok", sentence=sentence)


def warn(check: str, sentence: str, *, advice: str) -> Finding:
    """Say that it works, but not for ever or not for everybody."""
    return Finding(check=check, level="warn", sentence=sentence, advice=advice)


def fail(check: str, sentence: str, *, advice: str) -> Finding:
    """Say that a worker can't do its job until this is put right."""
    return Finding(check=check, level="fail", sentence=sentence, advice=advice)
