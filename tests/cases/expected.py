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
    flagged: frozenset[str] | None = THIEF
    closed: frozenset[str] = NOBODY
    # In each sentence of an alert, in none of them, in at least one.
    always_said: str = ""
    never_said: str = ""
    says: str = ""
    # Among the notes of the summary, or on standard error where it ends with a usage error.
    noted: str = ""
    never_noted: str = ""
    judged_min: int = 0
    # How the ids of all events that alerts name begin.
    samples: str = ""
    severities: frozenset[str] = NOBODY
    exit_code: int = 0

    @property
    def stated(self) -> str:
        """Return in words what is right."""
        words = []
        if self.flagged is not None:
            words.append(f"flagged {', '.join(sorted(self.flagged)) or 'nobody'}")
        if self.closed:
            words.append(f"closed {', '.join(sorted(self.closed))}")
        labels = ("always_said", "never_said", "says", "noted", "never_noted", "samples")
        words += [
            f"{label.replace('_', ' ')} {getattr(self, label)!r}"
            for label in labels
            if getattr(self, label)
        ]
        if self.severities:
            words.append(f"at most {', '.join(sorted(self.severities))}")
        if self.judged_min:
            words.append(f"judged {self.judged_min:,}")
        if self.exit_code:
            words.append(f"exit {self.exit_code}")
        return ", ".join(words)


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
            says="by nobody named",
        ),
    )
}
_SACRIFICED: Final = frozenset(f"sacrificed-{number}" for number in range(8))
# What is written by `own_worlds.py`, as far as it is no plain theft.
_OWN: Final = {
    case.name: case
    for case in (
        Case(
            name="no_row_has_a_time",
            parts=(),
            flagged=None,
            noted="nothing was judged",
            exit_code=4,
        ),
        Case(
            name="a_log_without_people",
            parts=(),
            flagged=NOBODY,
            noted="nobody was seen",
            exit_code=4,
        ),
        Case(
            name="one_json_array",
            parts=(),
            flagged=NOBODY,
            noted="one JSON array, not one object a line",
            exit_code=4,
        ),
        Case(name="records_of_one_refused", parts=(), says="could not be read"),
        Case(name="loud_names_before", parts=(), flagged=_SACRIFICED | THIEF),
        Case(
            name="hashed_ids_beyond_the_cohort",
            parts=(),
            flagged=None,
            noted="distinct ids",
            exit_code=2,
        ),
        Case(
            name="equal_rows_in_one_second",
            parts=(),
            flagged=NOBODY,
            never_noted="repeat",
            judged_min=400,
        ),
        Case(name="a_stray_quote", parts=(), flagged=NOBODY, judged_min=2_999),
        Case(name="a_long_cell", parts=(), flagged=None, judged_min=1),
        Case(name="utf_16", parts=(), flagged=None, noted="UTF-16", exit_code=2),
        Case(name="carriage_returns_only", parts=(), flagged=None, noted="CR alone", exit_code=2),
        Case(name="first_line_too_long", parts=(), flagged=None, noted="header", exit_code=2),
        Case(name="zone_by_name", parts=(), flagged=None, noted="%Z", exit_code=2),
        Case(name="one_object_a_row", parts=(), samples="x"),
        Case(name="late_by_32_days", parts=(), says="come late"),
        Case(
            name="re_reading_with_bytes",
            parts=(),
            flagged=None,
            always_said="bytes, not people",
            severities=frozenset({"Low"}),
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


def own_case(name: str) -> Case:
    """Return what is right for an input of our own."""
    return _OWN.get(name) or Case(name=name, parts=())
