"""An alert again, from the events that made it: the same bytes, and what it was made of.

What was said is on record; why it was said is in the events alone. So the alert is not looked up
but rebuilt, by the judge that a worker runs, and then held against the record.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from detectors.errors import ConfigError, HeadgateError
from detectors.event import AccessEvent, time_ms
from detectors.verdict import Alert, AlertChange, RaiseAlert, Severity
from streams.console.progress import Progress
from streams.kafka.cluster import Cluster
from streams.kafka.log_reader import TopicReader
from streams.replay.replay_run import ReplayRun
from streams.replay.response import Outcomes
from streams.sinks.alert_reader import read_finding
from streams.sinks.alerts import finding, statement_id
from streams.sinks.cloudevent import read_cloudevent

# By their ids, as `headgate.alerts` and `replay --alerts` hold them: the finding, byte for byte.
RecordedFindings = dict[str, bytes]


class NotExplainedError(HeadgateError):
    """The alert cannot be rebuilt from what was given; the sentence says what is missing."""


class Part(Struct, frozen=True, kw_only=True):
    """One of the events that the alert rests on most."""

    id: str
    at_ms: int
    user: str | None
    project: str | None
    dataset: str
    action: str
    bytes: int
    new_participants: Annotated[
        int | None, Meta(description="how many were new; None where only the id is known")
    ]


class AlertStatement(Struct, frozen=True, kw_only=True):
    """What was said at one time."""

    revision: int
    change: AlertChange
    at_ms: int
    severity: Severity
    p_value: float
    sentence: str


class Explanation(Struct, frozen=True, kw_only=True):
    """What a rebuilt alert says, and whether it is what was said."""

    alert_id: str
    statements: Annotated[
        tuple[AlertStatement, ...], Meta(description="all that came out, in order")
    ]
    record: Annotated[
        Literal["same_bytes", "different", "none"],
        Meta(description="none: there was nothing to compare with"),
    ]
    different: Annotated[
        tuple[str, ...], Meta(description="what differs from the record, as statement/key")
    ]
    alert: Annotated[Alert, Meta(description="the statement that is explained")]
    outcomes: Annotated[Outcomes, Meta(description="what followed, and why nothing more did")]
    finding: Annotated[msgspec.Raw, Meta(description="the same as an OCSF finding")]
    events: tuple[Part, ...]


class _Rebuilt(Struct, frozen=True, kw_only=True):
    """One rebuilt statement, and how many were new in the day's largest events."""

    alert: Alert
    new_by_event: dict[str, int]


def recorded_in_file(path: Path, *, alert_id: str) -> RecordedFindings:
    """Return what a file of findings, one a line, says of an alert.

    Raises:
        ConfigError: the file holds something else.
    """
    try:
        return _recorded(path.read_bytes().splitlines(), alert_id)
    except msgspec.DecodeError as error:
        raise ConfigError(str(path), f"expected findings, one a line: {error}") from error


def recorded_in_topic(topic: str, *, cluster: Cluster, alert_id: str) -> RecordedFindings:
    """Return what the topic of alerts says of one."""
    with TopicReader(topic, cluster=cluster) as reader:
        records = (r for p in reader.partitions for batch in reader.records(p) for r in batch)
        values = (record.value for record in records if record.value)
        return _recorded((bytes(read_cloudevent(value).data) for value in values), alert_id)


def _recorded(lines: Iterable[bytes], alert_id: str) -> RecordedFindings:
    """Return the statements of the one alert whose id begins so.

    Raises:
        NotExplainedError: several alerts do.
    """
    alerts = [(line, read_finding(line)) for line in lines]
    named = [(line, alert) for line, alert in alerts if alert.alert_id.startswith(alert_id)]
    ids = sorted({alert.alert_id for _, alert in named})
    if len(ids) > 1:
        message = f"{len(ids)} alerts have an id that begins with {alert_id!r}: {', '.join(ids)}"
        raise NotExplainedError(message)
    return {statement_id(alert): line for line, alert in named}


def refuse_other_config(recorded: RecordedFindings, *, config_hashes: Collection[str]) -> None:
    """Refuse an alert that was raised under another configuration of the core.

    `config_hashes` are those that held: the file's, and from a topic those that were pushed.

    Raises:
        ConfigError: it was.
    """
    theirs = {read_finding(line).config_hash for line in recorded.values()}
    if not theirs.issubset(config_hashes):
        problem = (
            f"the alert was raised under {', '.join(sorted(theirs))}, "
            f"and this is {', '.join(sorted(config_hashes))}; give the file of then by --config"
        )
        raise ConfigError(path="", problem=problem)


def is_of_a_ring(recorded: RecordedFindings) -> bool:
    """Tell whether an alert is of the judge of several institutions."""
    alerts = map(read_finding, recorded.values())
    return any(detail.reason == "collusion" for alert in alerts for detail in alert.reasons)


def explain(
    run: ReplayRun,
    names: Sequence[str],
    *,
    alert_id: str,
    recorded: RecordedFindings,
    progress: Progress,
    revision: int | None = None,
) -> Explanation:
    """Judge `names` until the last recorded statement of the alert has been made again.

    Explained is the statement of that revision, or else the last one that names reasons. What
    followed is worked out from the alerts of these inputs.

    Raises:
        ConfigError: it was raised under a configuration that was neither the file's nor pushed.
        NotExplainedError: these inputs do not give the alert.
    """
    statements = list(_rebuilt(run, names, alert_id=alert_id, recorded=recorded, progress=progress))
    refuse_other_config(recorded, config_hashes=run.config_hashes)
    if not statements:
        message = (
            f"these events and this register give no alert {alert_id}; what a topic has "
            "forgotten must come from an archive, by --input"
        )
        raise NotExplainedError(message)
    shown = _shown(statements, revision)
    rebuilt = {statement_id(statement.alert): finding(statement.alert) for statement in statements}
    different = tuple(_different(rebuilt, recorded))
    return Explanation(
        alert_id=alert_id,
        statements=tuple(_statement(statement.alert) for statement in statements),
        record="none" if not recorded else "different" if different else "same_bytes",
        different=different,
        alert=shown.alert,
        outcomes=_of_alert(run.outcomes, alert_id),
        finding=msgspec.Raw(finding(shown.alert)),
        events=_parts(run.events(names), shown),
    )


def _of_alert(outcomes: Outcomes, alert_id: str) -> Outcomes:
    return Outcomes(
        measures=tuple(each for each in outcomes.measures if each.alert_id == alert_id),
        withheld=tuple(each for each in outcomes.withheld if each.alert_id == alert_id),
    )


def _shown(statements: Sequence[_Rebuilt], revision: int | None) -> _Rebuilt:
    if revision is None:
        return next(
            (statement for statement in reversed(statements) if statement.alert.reasons),
            statements[-1],
        )
    for statement in statements:
        if statement.alert.revision == revision:
            return statement
    message = f"the alert has the revisions 1 to {statements[-1].alert.revision}, not {revision}"
    raise NotExplainedError(message)


def _statement(alert: Alert) -> AlertStatement:
    return AlertStatement(
        **{name: getattr(alert, name) for name in AlertStatement.__struct_fields__}
    )


def _rebuilt(
    run: ReplayRun,
    names: Sequence[str],
    *,
    alert_id: str,
    recorded: RecordedFindings,
    progress: Progress,
) -> Iterator[_Rebuilt]:
    awaited = set(recorded)
    institutions = {read_finding(line).institution for line in recorded.values()}
    institution = institutions.pop() if len(institutions) == 1 else None
    for effect in run.effects(names, progress=progress, institution=institution):
        if not isinstance(effect, RaiseAlert) or not effect.alert.alert_id.startswith(alert_id):
            continue
        yield _Rebuilt(alert=effect.alert, new_by_event=_new_by_event(run, effect.alert))
        awaited.discard(statement_id(effect.alert))
        if recorded and not awaited:
            return


def _new_by_event(run: ReplayRun, alert: Alert) -> dict[str, int]:
    profiles = [
        profile for profile in run.profiles if profile.state.institution == alert.institution
    ]
    # Of several partitions the last one is being judged.
    samples = profiles[-1].state.takers.samples if profiles else []
    return {sample.event_id: sample.new for sample in samples}


def _different(rebuilt: RecordedFindings, recorded: RecordedFindings) -> Iterator[str]:
    for name, line in recorded.items():
        if name not in rebuilt:
            yield f"{name}: not made again"
        elif rebuilt[name] != line:
            ours, theirs = msgspec.json.decode(rebuilt[name]), msgspec.json.decode(line)
            keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
            yield f"{name}: {', '.join(keys) or 'the order of keys'}"


def _parts(events: Iterator[AccessEvent], shown: _Rebuilt) -> tuple[Part, ...]:
    """Return the events that the alert names, the largest first."""
    wanted = dict.fromkeys((*shown.alert.sample_event_ids, shown.alert.trigger_event_id))
    parts: dict[str, Part] = {}
    for event in events if any(wanted) else ():
        # The first of an id is the one that was judged.
        if event.id in wanted and event.id not in parts:
            parts[event.id] = _part(event, shown.new_by_event.get(event.id))
            if len(parts) == len(wanted):
                break
    return tuple(parts[name] for name in wanted if name in parts)


def _part(event: AccessEvent, new_participants: int | None) -> Part:
    return Part(
        id=event.id,
        at_ms=time_ms(event),
        user=event.user,
        project=event.project,
        dataset=event.dataset,
        action=event.action,
        bytes=event.bytes,
        new_participants=new_participants,
    )
