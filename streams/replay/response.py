"""Step 7 of 7: the alerts of a replay -> the measures that would follow, folded as a worker folds.

The journal is the recorder's own, kept in memory. Only its time differs: here it is the events',
since nobody waits, so a measure begins when its alert was stated and expires to the millisecond.
Users stand under their own names: nothing of this is written to an audit.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from detectors.response.entries import Body, Configured, Tick
from detectors.response.state import next_due_ms
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from detectors.verdict import Alert
from streams.response.control_messages import TimedDecision
from streams.response.findings import seen_of
from streams.response.journal import Followed, Journal


class Outcomes(Struct, frozen=True, kw_only=True):
    """What follows from alerts, in order, and why nothing more does."""

    measures: Annotated[tuple[Suspension, ...], Meta(description="every revision of every one")]
    withheld: tuple[Withheld, ...]


def outcomes_of(
    alerts: Iterable[Alert],
    *,
    configured: Configured,
    decisions: Sequence[TimedDecision] = (),
    until_ms: int = 0,
) -> Outcomes:
    """Return what follows by `until_ms`, event time.

    `decisions` act at the moment of their record, before an alert of the same moment.
    """
    followed = _followed(
        sorted(alerts, key=lambda alert: alert.at_ms),
        configured=configured,
        decisions=decisions,
        until_ms=until_ms,
    )
    actions = [each.action for each in followed]
    return Outcomes(
        measures=tuple(action for action in actions if isinstance(action, Suspension)),
        withheld=tuple(action for action in actions if isinstance(action, Withheld)),
    )


def _followed(
    alerts: Sequence[Alert],
    *,
    configured: Configured,
    decisions: Sequence[TimedDecision],
    until_ms: int,
) -> Iterator[Followed]:
    journal = Journal()
    timed: list[tuple[int, Body]] = [(each.recorded_ms, each.decision) for each in decisions]
    timed += [
        (alert.at_ms, seen_of(alert, user=alert.top_user, record_sha256="")) for alert in alerts
    ]
    # Stable: what was decided in the same millisecond stays before what is alerted.
    timed.sort(key=lambda cause: cause[0])
    begins_ms = timed[0][0] if timed else 0
    journal.append([(None, configured)], now_ms=begins_ms)
    for at_ms, body in timed:
        yield from _expired(journal, until_ms=at_ms)
        yield from journal.append([(None, body)], now_ms=at_ms).actions
    yield from _expired(journal, until_ms=until_ms)


def _expired(journal: Journal, *, until_ms: int) -> Iterator[Followed]:
    """Let time pass, with a tick at each moment at which something ends."""
    while (due_ms := next_due_ms(journal.state)) is not None and due_ms <= until_ms:
        yield from journal.append([(None, Tick())], now_ms=due_ms).actions
