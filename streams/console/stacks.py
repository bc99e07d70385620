"""Where everything in this process is, written out: every thread, and every task of asyncio.

For a process that is about to end itself because it stands still: only its stacks tell on what.
"""

import asyncio
import faulthandler
import gc
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

# A coroutine, a generator and an asynchronous generator name the same two things differently.
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")


def dump_stacks(file: TextIO) -> None:
    """Write all stacks to a file that has a descriptor: threads first, then tasks."""
    file.flush()
    faulthandler.dump_traceback(file=file, all_threads=True)
    for loop in _event_loops():
        for task in sorted(asyncio.all_tasks(loop), key=asyncio.Task.get_name):
            file.write(f"\n{task!r} (most recent call last):\n")
            file.writelines(_lines(task.get_coro()))
    file.flush()


def _event_loops() -> list[asyncio.AbstractEventLoop]:
    """Return the loops of all threads: Faust's consumer runs on one of its own."""
    # By its type: what a lazy proxy says of its class would have it look for what it stands for.
    return [
        loop
        for loop in gc.get_objects()
        if issubclass(type(loop), asyncio.AbstractEventLoop) and not loop.is_closed()
    ]


def _lines(awaited: object) -> Iterator[str]:
    """Yield a line for each call in a chain of awaits."""
    while (frame := _first(awaited, _FRAMES)) is not None:
        assert isinstance(frame, FrameType)  # noqa: S101 - by its name
        code = frame.f_code
        yield f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_qualname}\n'
        awaited = _first(awaited, _AWAITED)


def _first(awaited: object, names: tuple[str, ...]) -> object:
    values = (getattr(awaited, name, None) for name in names)
    return next((value for value in values if value is not None), None)
