"""A process that stands still says where, thread by thread and task by task, before it ends."""

import json
import subprocess
import sys
from pathlib import Path

from streams.exits import ExitCode

ROOT = Path(__file__).parents[3]
# A worker as far as its watchdog sees one: a partition that is behind, and nothing that moves. What
# it waits for is on the loop of a consumer's thread, as with Faust, and on a lock.
STALLED = """
import asyncio
import threading

from streams.console.logs import set_up_logs
from streams.worker.lifecycle import stop_for
from streams.worker.watchdog import Watchdog, Watched

PARTITION = ("t.access-events", 0)


WAITING = threading.Event()


async def fetch_for_ever():
    WAITING.set()
    await asyncio.get_running_loop().create_future()


async def deaf_consumer():
    await fetch_for_ever()


def consumer_thread():
    asyncio.run(deaf_consumer())


def blocked_thread(lock):
    lock.acquire()


async def judge_for_ever():
    await asyncio.Event().wait()


async def ends(partitions):
    return {PARTITION: 12}


async def main():
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=consumer_thread, daemon=True).start()
    WAITING.wait()
    threading.Thread(target=blocked_thread, args=(lock,), daemon=True).start()
    judge = asyncio.create_task(judge_for_ever(), name="judge")
    watched = Watched(
        positions=[lambda: {PARTITION: 10}],
        recoveries=[],
        epoch=lambda: 0,
        ends=ends,
        stall_seconds=0.6,
        stop=stop_for,
    )
    await Watchdog(watched).keep()


set_up_logs(log_format="json")
asyncio.run(main())
"""


def test_a_stalled_process_says_where_it_stands() -> None:
    """Also in the thread that Faust's consumer has for itself, and for whom nothing runs there."""
    ended = subprocess.run(
        [sys.executable, "-c", STALLED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == ExitCode.STALLED
    *_, stalled, stopped = map(json.loads, ended.stderr.splitlines())
    # Which loop comes last is the collector's choice: its last line ends here too.
    stacks = stalled["stacks"] + "\n"
    assert " in blocked_thread\n" in stacks
    assert " in consumer_thread\n" in stacks
    waiting_task = stacks[stacks.index("<Task pending name='judge'") :]
    assert "wait_for=<Future pending" in waiting_task.partition("\n")[0]
    assert waiting_task.splitlines()[1].endswith(" in judge_for_ever")
    assert " in deaf_consumer\n" in stacks
    assert stacks.index(" in deaf_consumer\n") < stacks.index(" in fetch_for_ever\n")
    assert (stopped["event"], stopped["exit_code"]) == ("Stopped by itself.", ExitCode.STALLED)
