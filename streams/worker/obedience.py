"""What people have decided of one institution, where its judge meets it in the log."""

from detectors.instructions import apply_instruction
from detectors.register import Registered
from streams.control.addressing import Addressing
from streams.control.partition_context import PartitionContexts
from streams.control.records import Instruction
from streams.kafka.records import Record
from streams.state.profile_core import show_as
from streams.worker.batch_run import BatchRun


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
    directory = batch_run.context.directory
    if addressing.home_of(name, directory).partition != partition_state.partition:
        return
    institution = directory.addressee_of(instruction.body)
    profile = partition_state.profile(institution, record.offset)
    if profile is not None:
        show_as(partition_state.loaded(institution), name)
        apply_instruction(profile, instruction.body, sequence=instruction.sequence)
        partition_state.applied(institution, record.offset)
