"""Which configuration holds from which event time on: the file's, and what was pushed since.

A worker does not begin anew for a push, so a push may change how is judged, never what is held:
the cohort, the memory of ids, and what others than the judges read, hold from a start to the next.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from detectors.config import CoreConfig
from detectors.errors import ConfigError
from detectors.instants import Moment

# What was pushed before the last of these is forgotten: its events are long judged.
SCHEDULED_MAX: Final = 8
# A configuration is some kilobytes; each partition keeps a few in every partition_record.
CONFIG_BYTES_MAX: Final = 262_144
# Of the file, which is before all that was pushed.
FILE_SEQUENCE: Final = -1

_BEFORE_ALL_MS: Final = -(2**62)
NEVER_MS: Final = 2**62

# Holdings and ids that are remembered mean something else under another one.
_COUNTED_IN: Final = ("cohort", "datasets", "dedupe")
# The judges' own, but read by one who is not a judge; and a secret that no topic may show.
CANARIES: Final = "detectors.canary.participants"
READ_AT_A_START: Final = "read only at a start of the workers, never pushed"
_AT_A_START: Final = (*_COUNTED_IN, "reference", "detectors.collusion", CANARIES)


class Scheduled(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configuration that was pushed. What it says of keys that hold from a start is not read."""

    sequence: Annotated[int, Meta(ge=0, description="of the audit; a repeat of it has no effect")]
    from_ms: Annotated[Moment, Meta(description="event time from which it holds")]
    config: CoreConfig


class Changed(Struct, frozen=True, kw_only=True):
    """A key whose value differs."""

    path: str
    before: object
    after: object


def changed_keys(before: CoreConfig, after: CoreConfig) -> tuple[Changed, ...]:
    """Return what differs, key by key.

    >>> from detectors.config import CohortConfig
    >>> [
    ...     change.path
    ...     for change in changed_keys(CoreConfig(), CoreConfig(cohort=CohortConfig(size=9)))
    ... ]
    ['cohort.size']
    """
    return tuple(_changed("", msgspec.to_builtins(before), msgspec.to_builtins(after)))


def _changed(path: str, before: object, after: object) -> Iterator[Changed]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before | after:
            inner = f"{path}.{key}" if path else str(key)
            yield from _changed(inner, before.get(key), after.get(key))
    elif before != after:
        yield Changed(path=path, before=before, after=after)


def is_restart_only(path: str) -> bool:
    """Tell whether a key holds from a start of the workers to the next.

    >>> is_restart_only("cohort.size"), is_restart_only("detectors.excess.weight")
    (True, False)
    """
    return any(path == key or path.startswith(f"{key}.") for key in _AT_A_START)


def incompatibility(config: CoreConfig, *, base: CoreConfig) -> str | None:
    """Return why a judge under `base` cannot go on under `config`; None if it can.

    >>> from detectors.config import CohortConfig
    >>> incompatibility(CoreConfig(cohort=CohortConfig(size=9)), base=CoreConfig())
    'cohort.size: cannot change while judging; 500000 holds, got 9'
    """
    for change in changed_keys(base, config):
        if change.path.partition(".")[0] in _COUNTED_IN:
            return (
                f"{change.path}: cannot change while judging; "
                f"{change.before} holds, got {change.after}"
            )
    return None


def refuse_oversize(raw: bytes | msgspec.Raw) -> None:
    """Refuse a configuration that is too large to be kept with every partition.

    Raises:
        ConfigError: it is larger.
    """
    if len(raw) > CONFIG_BYTES_MAX:
        problem = f"{len(raw)} bytes, more than {CONFIG_BYTES_MAX}"
        raise ConfigError(path="", problem=problem)


def refuse_restart_only(config: CoreConfig, *, base: CoreConfig) -> None:
    """Refuse to push a configuration that differs where a start of the workers decides.

    Raises:
        ConfigError: it does; the error names the first such key.
    """
    for change in changed_keys(base, config):
        if is_restart_only(change.path):
            problem = f"{READ_AT_A_START}; {change.before} holds, got {change.after}"
            raise ConfigError(change.path, problem)


def refuse_crowd(pushed: tuple[Scheduled, ...], *, from_ms: int, now_ms: int) -> None:
    """Refuse to let too many configurations wait for their time.

    Otherwise one that holds now would have to be forgotten for one that does not.

    Raises:
        ConfigError: with one more that holds `from_ms`, they are too many.
    """
    before_count = sum(now_ms < scheduled.from_ms < from_ms for scheduled in pushed)
    waiting_count = before_count + (from_ms > now_ms)
    if waiting_count >= SCHEDULED_MAX:
        problem = (
            f"{waiting_count} configurations would wait for their time; "
            f"at most {waiting_count - 1} can"
        )
        raise ConfigError(path="", problem=problem)


def without_canaries(config: CoreConfig) -> CoreConfig:
    """Return what of a configuration may be sent: who knows the canaries steps around them."""
    return with_canaries(config, of=CoreConfig())


def with_canaries(config: CoreConfig, *, of: CoreConfig) -> CoreConfig:
    """Return a configuration with the canaries of another."""
    canary = replace(config.detectors.canary, participants=of.detectors.canary.participants)
    return replace(config, detectors=replace(config.detectors, canary=canary))


def _in_force(config: CoreConfig, *, base: CoreConfig) -> CoreConfig:
    """Return a pushed configuration with what holds from a start, as the worker's file has it."""
    effective = with_canaries(config, of=base)
    detectors = replace(effective.detectors, collusion=base.detectors.collusion)
    return replace(
        effective,
        cohort=base.cohort,
        datasets=base.datasets,
        dedupe=base.dedupe,
        reference=base.reference,
        detectors=detectors,
    )


def extended(pushed: tuple[Scheduled, ...], new: Scheduled) -> tuple[Scheduled, ...]:
    """Return what was pushed with a newer push, which replaces what was to hold later.

    So both sequences and times ascend. Beyond the maximum the oldest is forgotten, and the next
    one holds from the beginning.

    >>> first, later, now = (
    ...     Scheduled(sequence=sequence, from_ms=from_ms, config=CoreConfig())
    ...     for sequence, from_ms in ((1, 10), (2, 90), (5, 50))
    ... )
    >>> [one.sequence for one in extended((first, later), now)]
    [1, 5]
    """
    if pushed and new.sequence <= pushed[-1].sequence:
        return pushed
    remaining = (*(scheduled for scheduled in pushed if scheduled.from_ms < new.from_ms), new)
    if len(remaining) <= SCHEDULED_MAX:
        return remaining
    oldest, *rest = remaining[-SCHEDULED_MAX:]
    return (replace(oldest, from_ms=0), *rest)


class Schedule:
    """The file's configuration and the pushed ones, in the order in which they hold.

    >>> schedule = Schedule(CoreConfig(), (Scheduled(sequence=7, from_ms=50, config=CoreConfig()),))
    >>> [schedule.place(at_ms, sequence=FILE_SEQUENCE) for at_ms in (49, 50)]
    [0, 1]
    >>> schedule.place(49, sequence=7), schedule.due_ms(0)
    (1, 50)
    """

    __slots__ = ("_sequences", "_times_ms", "base", "entries", "pushed")

    def __init__(self, base: CoreConfig, pushed: tuple[Scheduled, ...] = ()) -> None:
        """Put the file's before the pushed ones."""
        self.base = base
        self.pushed = pushed
        file = Scheduled(sequence=FILE_SEQUENCE, from_ms=_BEFORE_ALL_MS, config=base)
        self.entries = (
            file,
            *(replace(entry, config=_in_force(entry.config, base=base)) for entry in pushed),
        )
        self._times_ms = [entry.from_ms for entry in self.entries]
        self._sequences = [entry.sequence for entry in self.entries]

    def extended(self, new: Scheduled) -> "Schedule":
        """Return the schedule with a newer push; the same one for a repeat."""
        pushed = extended(self.pushed, new)
        return self if pushed is self.pushed else Schedule(self.base, pushed)

    def place(self, at_ms: int, *, sequence: int) -> int:
        """Return which entry a judge is under at an event, coming from that of `sequence`.

        It never goes back: a late event is judged under what holds already. Where its own is
        forgotten or replaced, the next one holds.
        """
        by_time = bisect_right(self._times_ms, at_ms) - 1
        by_sequence = bisect_left(self._sequences, sequence)
        return min(max(by_time, by_sequence), len(self.entries) - 1)

    def due_ms(self, place: int) -> int:
        """Return the event time at which the entry after `place` holds."""
        after = place + 1
        return self._times_ms[after] if after < len(self.entries) else NEVER_MS


class ConfigCursor:
    """Where in its schedule one judge is.

    Invariant: while `schedule` is the one in force, `due_ms` is the event time at which the entry
    after the judge's own holds; an event before it need not be looked up.
    """

    __slots__ = ("due_ms", "schedule")

    def __init__(self) -> None:
        """Begin under no schedule; what was pushed holds once the judge has been shown it."""
        self.schedule: Schedule | None = None
        self.due_ms = NEVER_MS

    def move(self, schedule: Schedule, *, at_ms: int, sequence: int) -> Scheduled:
        """Return what holds at `at_ms` for a judge that comes from the entry of `sequence`."""
        place = schedule.place(at_ms, sequence=sequence)
        self.schedule = schedule
        self.due_ms = schedule.due_ms(place)
        return schedule.entries[place]
