"""Where everything in this process is, written out: every thread, and every task of asyncio.

For a process that is about to end itself because it stands still: only its stacks tell on what.
"""

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from types import FrameType

# A coroutine, a generator and an asynchronous generator name the same two things differently.
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")


def all_stacks() -> str:
    """Return all stacks as text, the newest call last: threads first, then tasks."""
    return "\n".join([*_threads(), *_tasks()])


def _threads() -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    # The only way there is to another thread's stack; Python documents it for just this.
    for ident, newest in sys._current_frames().items():  # noqa: SLF001
        yield f"Thread {names.get(ident, ident)} (most recent call last):"
        frames = [newest]
        while (caller := frames[-1].f_back) is not None:
            frames.append(caller)
        yield from map(_line, reversed(frames))


def _tasks() -> Iterator[str]:
    for loop in _event_loops():
        for task in sorted(asyncio.all_tasks(loop), key=asyncio.Task.get_name):
            yield f"{task!r} (most recent call last):"
            yield from _calls(task.get_coro())


def _event_loops() -> list[asyncio.AbstractEventLoop]:
    """Return the loops of all threads: Faust's consumer runs on one of its own."""
    # By its type: what a lazy proxy says of its class would have it look for what it stands for.
    return [
        loop
        for loop in gc.get_objects()
        if issubclass(type(loop), asyncio.AbstractEventLoop) and not loop.is_closed()
    ]


def _calls(awaited: object) -> Iterator[str]:
    """Yield a line for each call in a chain of awaits."""
    while (frame := _first(awaited, _FRAMES)) is not None:
        assert isinstance(frame, FrameType)  # noqa: S101 - by its name
        yield _line(frame)
        awaited = _first(awaited, _AWAITED)


def _line(frame: FrameType) -> str:
    code = frame.f_code
    return f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_qualname}'


def _first(awaited: object, names: tuple[str, ...]) -> object:
    values = (getattr(awaited, name, None) for name in names)
    return next((value for value in values if value is not None), None)
