"""Step 7 of 7: the lines of an audit -> what each alert led to, and why to nothing more.

Lines are read one by one and not folded: what followed stands in them.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct, field

from detectors.response.entries import Acted, AlertSeen, Declined, parse_entry
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from streams.kafka.cluster import Cluster
from streams.kafka.log_reader import committed_records


class AlertOutcomes(Struct, kw_only=True):
    """What one alert led to, in order; users stand as tokens."""

    measures: list[Suspension] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    last_withheld: Withheld | None = None


def outcomes_in(lines: Iterable[bytes]) -> dict[str, AlertOutcomes]:
    """Return what followed from alerts, by their ids, in the order of their last statements."""
    by_alert: dict[str, AlertOutcomes] = {}
    for line in lines:
        try:
            body = parse_entry(line).body
        except msgspec.DecodeError:
            # Somebody else's record; `audit verify` tells of it.
            continue
        if isinstance(body, AlertSeen):
            known = by_alert.pop(body.alert_id, None) or AlertOutcomes()
            known.last_withheld = None
            by_alert[body.alert_id] = known
        elif isinstance(body, Acted):
            by_alert[body.suspension.alert_id].measures.append(body.suspension)
        elif isinstance(body, Declined):
            outcomes = by_alert[body.withheld.alert_id]
            outcomes.withheld.append(body.withheld)
            outcomes.last_withheld = body.withheld
    return by_alert


async def read_outcomes(topic: str, *, cluster: Cluster) -> dict[str, AlertOutcomes]:
    """Return what followed from alerts, as the topic of the audit has it now.

    Raises:
        SinkError: there is no such topic, or it gives nothing more before its end.
    """
    lines = [record.value or b"" async for record in committed_records(topic, cluster=cluster)]
    return outcomes_in(lines)
