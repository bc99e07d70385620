"""Steps 1 to 7 of 7: a rejected record -> its dead letter, and an item in its institution's judge.

What cannot be judged is counted all the same, where its institution is judged: at home by the judge
itself, from elsewhere by a notice that goes there.
"""

import logging
from typing import Final

from detectors.pipeline import note_rejected
from detectors.register import UNKNOWN
from streams.control.addressing import Addressing
from streams.ingest.reject_notice import notice_of
from streams.ingest.rejects import Rejected, unread_of
from streams.kafka.records import OutgoingRecord, Record
from streams.worker.batch_run import BatchRun

logger = logging.getLogger("headgate.judge")

# A rejected record has no time to be trusted: the newest names hold.
_NEWEST_MS: Final = 2**62


def count_rejected(
    batch_run: BatchRun, addressing: Addressing, record: Record, reject: Rejected
) -> None:
    """Keep a reject, and let it be counted where its institution is judged."""
    if not reject.notice_id:
        batch_run.outcomes.append((record, reject))
    if not reject.institution:
        return
    name, directory = reject.institution, batch_run.context.directory
    judge = directory.judge_of(name, _NEWEST_MS)
    if judge == UNKNOWN:
        return
    partition = batch_run.partition_state.partition
    if addressing.is_at_home(name, record.key, partition=partition, directory=directory):
        _count(batch_run, judge, record, reject)
    elif not reject.notice_id:
        home = addressing.home_of(name, directory)
        notice = OutgoingRecord(
            topic=addressing.topic,
            key=home.key.encode(),
            value=notice_of(
                reject,
                f"{addressing.topic}/{partition}:{record.offset}",
                received_ms=record.timestamp,
            ),
            partition=home.partition,
        )
        batch_run.outcomes.append((record, notice))


def log_rejected_control(reject: Rejected, record: Record, *, partition: int) -> None:
    """Say of a control record, which people wait for, that it is rejected."""
    logger.error(
        "A control record is rejected.",
        extra={
            "partition": partition,
            "offset": record.offset,
            "reason": reject.reason.value,
            "detail": reject.detail,
        },
    )


def _count(batch_run: BatchRun, judge: str, record: Record, reject: Rejected) -> None:
    """Let a judge count a record, once."""
    institution_run = batch_run.institution_run(judge, name=reject.institution)
    if record.offset <= institution_run.applied_offset:
        return
    institution_run.applied_offset = record.offset
    institution_run.rejected_count += 1
    for unread in unread_of(reject, received_ms=record.timestamp):
        effects = note_rejected(institution_run.profile, unread)
        if effects:
            batch_run.outcomes.append((record, effects))
