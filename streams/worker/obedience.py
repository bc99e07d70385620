"""What people have decided of one institution, where its judge meets it in the log."""

import logging

from detectors.instructions import apply_instruction
from detectors.register import Registered
from streams.control.addressing import Addressing
from streams.control.partition_context import PartitionContexts
from streams.control.records import Instruction
from streams.ingest.identity import identity_of
from streams.kafka.records import Record
from streams.state.profile_core import show_as
from streams.worker.batch_run import BatchRun

logger = logging.getLogger("headgate.judge")


def apply_control_record(
    batch_run: BatchRun,
    instruction: Instruction,
    record: Record,
    *,
    contexts: PartitionContexts,
    addressing: Addressing,
) -> None:
    """Obey where the institution is at home; elsewhere it is only known from now on."""
    partition_state, name = batch_run.partition_state, instruction.body.institution
    if isinstance(instruction.body, Registered):
        batch_run.switch_context(contexts.with_entry(batch_run.context, instruction.body))
        _warn_of_judges_apart(batch_run, instruction.body, addressing=addressing)
    directory = batch_run.context.directory
    if addressing.home_of(name, directory).partition != partition_state.partition:
        return
    institution = directory.addressee_of(instruction.body)
    profile = partition_state.profile(institution, record.offset)
    if profile is not None:
        show_as(partition_state.loaded(institution), name)
        apply_instruction(profile, instruction.body, sequence=instruction.sequence)
        partition_state.applied(institution, record.offset)


def note_judges_apart(batch_run: BatchRun, *, addressing: Addressing) -> None:
    """Count the aliases that have a judge of their own in this partition, for the metrics."""
    batch_run.counts.judges_apart = len(_judges_apart(batch_run, addressing=addressing))


def _judges_apart(batch_run: BatchRun, *, addressing: Addressing) -> list[str]:
    state = batch_run.partition_state
    return addressing.apart(
        batch_run.context.directory, partition=state.partition, knows=state.knows
    )


def _warn_of_judges_apart(
    batch_run: BatchRun, registered: Registered, *, addressing: Addressing
) -> None:
    """Say of an entry whose aliases were judged here before it that what they held stays here."""
    entry = registered.entry
    aliases = set() if entry is None else {identity_of(each.id) for each in entry.dated_aliases}
    apart = [each for each in _judges_apart(batch_run, addressing=addressing) if each in aliases]
    if apart:
        logger.warning(
            "An alias was judged in another partition: what it held counts anew.",
            extra={
                "institution": registered.institution,
                "aliases": apart,
                "partition": batch_run.partition_state.partition,
            },
        )
