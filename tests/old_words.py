"""Names that the code had for things for which the field has a word, each with that word.

They were a private language: somebody from Kafka Streams, Flink, River or Alertmanager did not
find what they looked for. A test keeps them out, and `benchmarks.structure` counts them.
"""

from collections.abc import Mapping
from typing import Final

OLD_WORDS: Final[Mapping[str, str]] = {
    # The worker
    "Steward": "WorkerLifecycle",
    "steward": "lifecycle",
    "Vigil": "Watchdog",
    "vigil": "watchdog",
    "StallError": "StalledError",
    "Turn": "BatchRun",
    "Sitting": "InstitutionRun",
    "sitting": "institution_run",
    "sittings": "institution_runs",
    "close_sittings": "finish",
    "Wires": "Dependencies",
    "wires": "dependencies",
    "Follower": "RebalanceListener, SuspensionConsumer",
    "Poster": "RecordSender, WebhookPoster",
    "Outgoing": "OutgoingRecord",
    "judged_positions": "judge_positions",
    "expect_brokers": "bootstrap_patch.install",
    "open_admin": "AdminClient",
    # Saved state
    "Keeper": "StateStore",
    "keeper": "state_store",
    "PartitionKeeper": "PartitionState",
    "wake": "load_idle",
    "Chain": "PositionTracker",
    "HoleError": "OffsetGapError",
    "barrier": "partition record",
    "Place": "RecordPosition",
    # Control records
    "told_by": "decode_control",
    "Told": "ControlMessage",
    "told_in": "control_messages_in",
    "told_of": "control_message_of",
    "told_sequence": "instruction_sequence",
    "obey": "apply_control",
    "_obey": "_apply_control",
    "adopt": "apply_instruction",
    "adoption": "instructions",
    "adopt_feedback": "apply_instruction",
    "adopt_reference": "apply_reference",
    "adopt_register": "apply_register",
    "hold_to": "apply_config",
    "hold_to_config": "apply_config",
    "hold_to_register": "apply_register",
    # Metrics
    "Standing": "SuspensionState, InstitutionStatus, KeyDigest, Assignment",
    "standing_of": "status_of",
    "stood": "set_institutions",
    "sensed": "set_detectors",
    # The core
    "Bar": "PValuePenalty",
    "reckon_due": "update_thresholds",
    "due_new_participants": "next_evaluation_new_participants",
    "due_new": "next_evaluation_new",
    "due_bytes": "next_evaluation_bytes",
    "note_hour": "update_thresholds",
    "_raised": "_penalised",
    "Breachable": "RuleInput",
    "counted_otherwise": "incompatibility",
    "at_a_start": "is_restart_only",
    "climb": "escalate",
    "EventId": "nothing: it was used nowhere",
    "from_truth": "nothing: it was used nowhere",
    "GroupConfig": "nothing: nobody could set it",
    "CELLS": "nothing: nobody read it",
    "recoverable": "nothing: nobody read it",
    # Commands and connections
    "deciding": "submit",
    "pushing": "config_push",
    "sending": "send",
    "first_contact": "bootstrap_patch",
    "Silent": "NullProgress",
    "Plain": "LineProgress",
    "Steps": "Progress",
    # Synthetic worlds and tests
    "loot": "theft_requests",
    "Loot": "TheftRequests",
    "Scene": "TheftContext",
    "planting": "injection",
    "twins": "hard_negatives",
    "nursery": "fork_server",
    "Nursery": "fork_server",
    "arena": "fault_harness",
    "Arena": "FaultHarness",
    "victim": "worker_under_test",
    "Victim": "WorkerUnderTest",
}

# Names of values that say "the result", not what it is.
EMPTY_NAMES: Final = frozenset({"found", "kept", "made", "one", "said", "told"})
