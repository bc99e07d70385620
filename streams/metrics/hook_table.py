"""Step 7 of 7: every metric of `headgate hook`, which is a process of its own."""

from typing import Final

from streams.metrics.table import Spec

HOOK_ATTEMPTS: Final = Spec(
    name="headgate_hook_attempts_total",
    kind="counter",
    meaning="Attempts to deliver a suspension to the platform's webhook, by what came of it.",
    labels=("outcome",),
)
HOOK_WAITING: Final = Spec(
    name="headgate_hook_waiting_deliveries",
    kind="gauge",
    meaning="Suspension records that the platform's webhook has not acknowledged yet.",
)
HOOK_DEAD: Final = Spec(
    name="headgate_hook_dead",
    kind="gauge",
    meaning="1 while a delivery has been tried for longer than `hook.dead_after_seconds`.",
)
HOOK_UNREADABLE: Final = Spec(
    name="headgate_hook_unreadable_total",
    kind="counter",
    meaning="Records on the suspensions topic that are no CloudEvents; they are passed over.",
)
HOOK_SPECS: Final = (HOOK_ATTEMPTS, HOOK_WAITING, HOOK_DEAD, HOOK_UNREADABLE)
