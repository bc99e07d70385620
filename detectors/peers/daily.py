"""Step 5 of 7: a day of event time -> the reference that holds on it, where all is at hand."""

from detectors.features.event_clock import ALONE_DAYS_MAX, EventClock
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import Reference


class DailyReferences:
    """The reference of each day, built when it is first asked for: all it rests on is closed."""

    __slots__ = ("_builder", "_clock", "_known")

    def __init__(self, builder: ReferenceBuilder, clock: EventClock) -> None:
        """Build with `builder`, and never for a day that `clock` has not reached."""
        self._builder = builder
        self._clock = clock
        self._known: dict[int, Reference] = {}

    def at(self, day: int) -> Reference:
        """Return the reference that holds on `day`, or on the last day reached."""
        day = min(day, self._clock.day)
        reference = self._known.get(day)
        if reference is None:
            reference = self._known[day] = self._builder.build(day)
        return reference

    def recorded(self, day: int) -> Reference:
        """Return the reference of `day`, by which something is judged already."""
        return self.at(day)

    def forget(self) -> None:
        """Forget what nothing can rest on any more, even if the time went astray."""
        self._builder.forget(self._clock.day - ALONE_DAYS_MAX)
