"""Step 7 of 7: is a journal whole? Each line follows from the one before, each act from a cause.

A changed line breaks the hash that the next one names; a missing or moved one the sequence. That
what was done followed from what was known is shown by folding the journal anew.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from detectors.response.entries import (
    GENESIS,
    Acted,
    AuditEntry,
    Declined,
    SourceRecord,
    digest,
    parse_entry,
)
from detectors.response.fold import apply
from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld


class Problem(Struct, frozen=True, kw_only=True):
    """What is wrong, and at which line, counted from 0."""

    line: int
    problem: str


class Verified(Struct, frozen=True, kw_only=True):
    """What a journal turned out to be."""

    entries_count: int
    head: str
    problems: tuple[Problem, ...]


class Verifier:
    """Takes the lines of a journal in order.

    >>> verifier = Verifier()
    >>> [one.problem for one in verifier.take(b"?")]
    ['not an entry of an audit']
    """

    __slots__ = ("_due", "_expected", "_head", "_line", "_now_ms", "_places", "_state")

    def __init__(self) -> None:
        """Begin before the first line."""
        self._state = ResponseState()
        self._head = GENESIS
        self._line = 0
        self._expected = 0
        self._now_ms = 0
        self._places: dict[tuple[str, int], int] = {}
        self._due: list[Suspension | Withheld] = []

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return self._head

    @property
    def entries_count(self) -> int:
        """How many lines there were."""
        return self._line

    def take(self, raw: bytes) -> list[Problem]:
        """Check one more line and return what is wrong with it."""
        line = self._line
        self._line += 1
        try:
            entry = parse_entry(raw)
        except msgspec.DecodeError:
            # Whether it stands in place of a line, or only among them, the next line tells.
            return [Problem(line=line, problem="not an entry of an audit")]
        problems = [*self._links(entry), *self._times(entry), *self._acts(entry)]
        self._head, self._expected = digest(raw), entry.sequence + 1
        return [Problem(line=line, problem=problem) for problem in problems]

    def finish(self) -> list[Problem]:
        """Return what the end lacks: the last cause may not stand without what it led to."""
        return [
            Problem(line=self._line, problem=f"missing: {_named(outcome)}") for outcome in self._due
        ]

    def _links(self, entry: AuditEntry) -> Iterator[str]:
        expected = self._expected
        if entry.sequence > expected:
            yield f"lines {expected} to {entry.sequence - 1} are missing"
        elif entry.sequence < expected:
            yield f"line {entry.sequence} stands where line {expected} belongs"
        elif entry.previous != self._head:
            yield f"line {expected - 1} was changed, or this one: its hash is not what this names"

    def _times(self, entry: AuditEntry) -> Iterator[str]:
        if entry.recorded_ms < self._now_ms:
            yield "recorded before the line before it"
        self._now_ms = max(self._now_ms, entry.recorded_ms)
        if entry.source is not None and not self._is_new(entry.source):
            yield "stands for a record that an earlier line stands for"

    def _is_new(self, source: SourceRecord) -> bool:
        place = (source.topic, source.partition)
        last = self._places.get(place, -1)
        self._places[place] = max(last, source.offset)
        return source.offset > last

    def _acts(self, entry: AuditEntry) -> Iterator[str]:
        if isinstance(entry.body, Acted | Declined):
            body = entry.body
            outcome = body.suspension if isinstance(body, Acted) else body.withheld
            if not self._due:
                yield f"without a cause: {_named(outcome)}"
            elif self._due.pop(0) != outcome:
                yield f"not what followed from its cause: {_named(outcome)}"
            apply(self._state, entry)
            return
        for missing in self._due:
            yield f"missing before it: {_named(missing)}"
        actions = apply(self._state, entry)
        self._due = [outcome for outcome in actions if isinstance(outcome, Suspension | Withheld)]


def verify(lines: Iterable[bytes]) -> Verified:
    """Return whether these lines are a whole journal, and what is wrong if not."""
    verifier = Verifier()
    problems = [problem for raw in lines for problem in verifier.take(raw)]
    problems += verifier.finish()
    return Verified(
        entries_count=verifier.entries_count, head=verifier.head, problems=tuple(problems)
    )


def _named(outcome: Suspension | Withheld) -> str:
    if isinstance(outcome, Withheld):
        return f"nothing for {outcome.institution}, {outcome.reason} (alert {outcome.alert_id})"
    revision = f"(revision {outcome.revision})"
    return f"{outcome.measure} {outcome.scope} of {outcome.institution}, {outcome.state} {revision}"
