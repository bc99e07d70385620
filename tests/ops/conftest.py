"""What the tests of operations share: Debian's programs, free processes that end."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

# Of each log.
_SHOWN_CHARACTERS = 2_000

Start = Callable[..., Path]


@pytest.fixture(scope="module")
def program() -> Callable[[str], str]:
    """Return what finds a program of Debian's packages; `.ci/run` installs them."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            problem = f"{name} is missing: apt-get install prometheus prometheus-alertmanager"
            if os.environ.get("CI"):
                pytest.fail(problem)
            pytest.skip(problem)
        return path

    return find


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Yield what starts a program and returns its log; all of them are ended at last."""
    logs = tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:

        def begin(*command: str, log: str, **more: str) -> Path:
            path = logs / log
            output = stack.enter_context(path.open("w"))
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, text=True, env=os.environ | more
            )
            stack.callback(_end, process)
            return path

        yield begin
    # Shown by pytest only beside a test that failed.
    for path in sorted(logs.iterdir()):
        sys.stdout.write(f"--- {path.name}\n{path.read_text()[-_SHOWN_CHARACTERS:]}\n")


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
