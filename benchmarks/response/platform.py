"""A platform that obeys the measures of the ladder, some time after each of them.

A loop that is closed: what is stopped never happens, so no later alert tells of it. Of a throttled
scope one request in ten gets through. The journal is that of a replay: its time is the events'.
"""

from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.event import AccessEvent
from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import Configured, Tick
from detectors.response.state import next_due_ms
from detectors.response.suspension import Measure, Suspension
from detectors.verdict import Alert
from streams.response.findings import seen_of
from streams.response.journal import Followed, Journal

AUTOMATIC: Final = ResponseConfig(modes=Modes(throttle="automatic", suspend="automatic"))
# Of a throttled scope one in so many requests is served.
THROTTLED_EACH: Final = 10


class InForce(Struct, kw_only=True):
    """One measure from the first moment on at which the platform obeyed it."""

    suspension: Suspension
    throttled_ms: Annotated[int | None, Meta(description="slowed down since, event time")] = None
    suspended_ms: Annotated[int | None, Meta(description="stopped since, event time")] = None
    released_ms: int | None = None

    def measure_at(self, at_ms: int) -> Measure | None:
        """Return what holds at a time: the stronger of what has begun, nothing after the end."""
        if self.released_ms is not None and at_ms >= self.released_ms:
            return None
        if self.suspended_ms is not None and at_ms >= self.suspended_ms:
            return "suspend"
        return "throttle" if self.throttled_ms is not None and at_ms >= self.throttled_ms else None

    @property
    def begins_ms(self) -> int:
        """Return when it was first obeyed."""
        begins = [each for each in (self.throttled_ms, self.suspended_ms) if each is not None]
        return min(begins)


class Platform:
    """The ladder in automatic mode, and whoever obeys it `delay_ms` after each of its words."""

    __slots__ = ("_delay_ms", "_journal", "_throttled_count", "measures")

    def __init__(
        self, *, cohort_size: int, delay_ms: int, begins_ms: int, config: ResponseConfig = AUTOMATIC
    ) -> None:
        """Begin before the first alert."""
        self._delay_ms = delay_ms
        self._journal = Journal()
        self._throttled_count = 0
        self.measures: dict[str, InForce] = {}
        configured = Configured(
            response=config, cohort_size=cohort_size, config_hash="", version="benchmark"
        )
        self._journal.append([(None, configured)], now_ms=begins_ms)

    def serves(self, event: AccessEvent, at_ms: int) -> bool:
        """Tell whether a request gets its answer."""
        self._pass_time(at_ms)
        about = [each for each in self.measures.values() if _covers(each.suspension, event)]
        measures = {each.measure_at(at_ms) for each in about}
        if "suspend" in measures:
            return False
        if "throttle" in measures:
            self._throttled_count += 1
            return self._throttled_count % THROTTLED_EACH == 0
        return True

    def hear(self, alerts: Iterable[Alert]) -> None:
        """Let the ladder act on alerts at the event time of each."""
        for alert in alerts:
            self._pass_time(alert.at_ms)
            seen = seen_of(alert, user=alert.top_user, record_sha256="")
            self._enforce(self._journal.append([(None, seen)], now_ms=alert.at_ms).actions)

    def _pass_time(self, at_ms: int) -> None:
        while (due_ms := next_due_ms(self._journal.state)) is not None and due_ms <= at_ms:
            self._enforce(self._journal.append([(None, Tick())], now_ms=due_ms).actions)

    def _enforce(self, followed: Iterable[Followed]) -> None:
        for each in followed:
            if isinstance(each.action, Suspension) and not each.action.dry_run:
                self._enforce_suspension(each.action)

    def _enforce_suspension(self, suspension: Suspension) -> None:
        obeyed_ms = suspension.at_ms + self._delay_ms
        known = self.measures.get(suspension.suspension_id)
        if suspension.state != "active":
            if known is not None and known.released_ms is None:
                known.released_ms = obeyed_ms
            return
        if known is None:
            known = self.measures[suspension.suspension_id] = InForce(suspension=suspension)
        known.suspension, known.released_ms = suspension, None
        if suspension.measure == "suspend" and known.suspended_ms is None:
            known.suspended_ms = obeyed_ms
        if suspension.measure == "throttle" and known.throttled_ms is None:
            known.throttled_ms = obeyed_ms


def _covers(suspension: Suspension, event: AccessEvent) -> bool:
    if suspension.institution != event.institution:
        return False
    subjects = {"user": event.user, "project": event.project, "institution": event.institution}
    return subjects[suspension.scope] == suspension.subject
