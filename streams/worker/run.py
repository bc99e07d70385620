"""Running a worker until a signal stops it: started, watched, and ended within seconds.

Faust's own launcher prints a banner, takes over logging and waits for every task of the process;
a worker that holds nothing unsaved needs none of it.
"""

import asyncio
import gc
import logging
import signal
from typing import Final

from streams.exits import ExitCode, fail_stop
from streams.kafka import bootstrap_patch, bounded_batches
from streams.worker.app import RECOVERY_SECONDS_MAX, Worker

logger = logging.getLogger("headgate.worker")

# What hangs longer is ended with the process; whatever was not committed is judged again.
STOP_SECONDS_MAX: Final = 8.0
COLLECT_AFTER: Final = 100_000
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


async def run(worker: Worker) -> None:
    """Run until SIGTERM or SIGINT; end the process if Faust gives up before."""
    # Profiles live as long as the process and form no cycles: looking for some in them, as often
    # as Python does by default, would cost more than it could ever free.
    gc.set_threshold(COLLECT_AFTER)
    bootstrap_patch.install()
    bounded_batches.install()
    stop_asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop_asked.set)
    app = worker.app
    app.in_worker = True
    starting = asyncio.create_task(_start(worker), name="start")
    stopping = asyncio.create_task(stop_asked.wait(), name="stop asked")
    crashed = asyncio.create_task(app.wait_until_stopped(), name="crashed")
    await asyncio.wait({starting, stopping, crashed}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and not starting.exception():
        await asyncio.wait({stopping, crashed}, return_when=asyncio.FIRST_COMPLETED)
    if not stop_asked.is_set():
        # Faust gave up a service; what is durable is consistent, and a restart heals the rest.
        fail_stop(ExitCode.CONNECTION_LOST, _reason(starting, app.crash_reason))
    logger.info("Stopping: saving, then leaving the group.")
    starting.cancel()
    await _stop(worker)


async def _start(worker: Worker) -> None:
    started = asyncio.create_task(worker.app.start())
    done, _ = await asyncio.wait({started}, timeout=RECOVERY_SECONDS_MAX)
    if not done:
        sentence = f"SavedRecord states were not read back within {RECOVERY_SECONDS_MAX:g} s."
        fail_stop(ExitCode.RECOVERY_STUCK, sentence)
    await started
    logger.info("Ready.")


async def _stop(worker: Worker) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await worker.app.stop()
    except TimeoutError:
        logger.warning(
            "Faust did not stop in time; what was not saved will be judged again.",
            extra={"waited_seconds": STOP_SECONDS_MAX},
        )


def _reason(starting: asyncio.Task[None], crash: BaseException | None) -> str:
    error = starting.exception() if starting.done() and not starting.cancelled() else None
    return f"The connection to Kafka broke down: {error or crash!r}."
