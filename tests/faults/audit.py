"""What the audit must be: each alert in it once, and all as an undisturbed recorder writes it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from detectors.response.entries import Acted, AlertSeen, AuditEntry, Declined, parse_entry
from detectors.response.verify import verify
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader, committed_records
from streams.response.findings import alert_seen
from streams.response.journal import Journal
from streams.response.people import People
from streams.sinks import suspensions
from tests.faults.oracle import received


def audit_lines(bootstrap: str, prefix: str) -> list[bytes]:
    """Return the lines of the audit."""
    return asyncio.run(_committed(f"{prefix}.audit", bootstrap))


def is_recorded(bootstrap: str, prefix: str) -> bool:
    """Return whether the audit has all alerts there are."""
    with TopicReader(f"{prefix}.alerts", cluster=unprotected(bootstrap)) as reader:
        alerts_count = reader.total_count
    entries = map(parse_entry, audit_lines(bootstrap, prefix))
    return alerts_count == sum(isinstance(entry.body, AlertSeen) for entry in entries)


def audit_differences(bootstrap: str, prefix: str) -> list[str]:
    """Return what is wrong with the audit, and with the suspensions that follow from it."""
    lines = audit_lines(bootstrap, prefix)
    entries = [parse_entry(line) for line in lines]
    differences = [
        f"audit, line {problem.line}: {problem.problem}" for problem in verify(lines).problems
    ]
    if lines != _rewritten(entries):
        differences.append("an undisturbed recorder writes another audit")
    if _seen(entries) != _said(bootstrap, prefix):
        differences.append("the audit's alerts are not those of the topic, each once")
    acted = Counter(
        entry.body.suspension.record_id for entry in entries if isinstance(entry.body, Acted)
    )
    records = asyncio.run(_committed(f"{prefix}.suspensions", bootstrap))
    if Counter(suspensions.suspension_of(record).record_id for record in records) != acted:
        differences.append("the suspensions are not those of the audit, each once")
    return differences


def _rewritten(entries: Sequence[AuditEntry]) -> list[bytes]:
    """Return the lines of a journal that nobody disturbs, for the same causes at the same times."""
    journal = Journal()
    lines: list[bytes] = []
    for _, batch in groupby(entries, key=lambda entry: entry.batch):
        same = list(batch)
        causes = [
            (entry.source, entry.body)
            for entry in same
            if not isinstance(entry.body, Acted | Declined)
        ]
        lines += journal.append(causes, now_ms=same[0].recorded_ms).lines
    return lines


def _seen(entries: Sequence[AuditEntry]) -> list[tuple[int, int, str, int]]:
    return sorted(
        (entry.source.partition, entry.source.offset, entry.body.alert_id, entry.body.revision)
        for entry in entries
        if entry.source is not None and isinstance(entry.body, AlertSeen)
    )


def _said(bootstrap: str, prefix: str) -> list[tuple[int, int, str, int]]:
    statements = []
    for record in received(bootstrap, f"{prefix}.alerts"):
        alert = alert_seen(record.value, People({}))
        assert isinstance(alert, AlertSeen)
        statements.append((record.partition, record.offset, alert.alert_id, alert.revision))
    return sorted(statements)


async def _committed(topic: str, bootstrap: str) -> list[bytes]:
    records = committed_records(topic, cluster=unprotected(bootstrap))
    return [record.value async for record in records if record.value is not None]
