"""What is right for each small world, by its name; one that is not named here is a plain theft."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

THIEF: Final = frozenset({"inst-05"})
NOBODY: Final[frozenset[str]] = frozenset()


class Case(Struct, frozen=True, kw_only=True):
    """A world and what a replay of it should come to."""

    name: str
    parts: tuple[str, ...]
    flagged: frozenset[str] = THIEF
    closed: frozenset[str] = NOBODY
    never_said: str = ""
    noted: str = ""
    exit_code: int = 0

    @property
    def stated(self) -> str:
        """Return in words what is right."""
        flagged = f"flagged {', '.join(sorted(self.flagged)) or 'nobody'}"
        closed = f", closed {', '.join(sorted(self.closed))}" if self.closed else ""
        never = f", never {self.never_said!r}" if self.never_said else ""
        noted = f", says {self.noted!r}" if self.noted else ""
        return flagged + closed + never + noted


# Two files that are the two halves of one log.
_HALVES: Final = ("front_end_1", "front_end_2")
_CASES: Final = {
    case.name: case
    for case in (
        Case(name="honest", parts=("honest",), flagged=NOBODY),
        Case(name="quiet_pilot_before", parts=("quiet_pilot_before",), flagged=NOBODY),
        Case(name="one_old_date", parts=("one_old_date",), flagged=NOBODY),
        Case(name="silent_after_theft", parts=("silent_after_theft",), closed=THIEF),
        Case(
            name="files_that_name_nobody",
            parts=("files_that_name_nobody",),
            noted="cannot be judged by people",
        ),
        Case(
            name="honest_user_beside_unnamed",
            parts=("honest_user_beside_unnamed",),
            never_said="by user u-honest",
        ),
    )
}


def cases_of(names: Iterable[str]) -> Iterator[Case]:
    """Yield the cases that these worlds make, in the order of their names."""
    known = set(names)
    if known.issuperset(_HALVES):
        known -= set(_HALVES)
        yield Case(name="front_end_1 and front_end_2", parts=_HALVES, flagged=NOBODY)
    for name in sorted(known):
        yield _CASES.get(name) or Case(name=name, parts=(name,))
