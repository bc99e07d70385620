"""Try the mutants of one part, each in a fork of one pytest session that has found its tests.

mutmut breaks the code and looks up which tests come by which function; it would then begin pytest
anew for every mutant, which takes longer than most tests. Run as a file, in a workshop: by its
module name it would bring the unbroken code along.

    python tests/mutants/trial.py PROCESSES [MUTANT ...]
"""

import gc
import os
import resource
import sys
import time
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import mutmut
import mutmut.__main__ as tool
import pytest
from mutmut.mutation.data import SourceFileMutationData

# What mutmut makes of exit codes: no test comes by.
_NO_TESTS = 33
_SHOWN_SECONDS = 10.0


class Prepared(Exception):  # noqa: N818 - no error: mutants and tests are ready.
    """Ends mutmut's own run where it would begin to try."""


def prepare(processes: int) -> None:
    """Make the mutants of what has changed, and look up the tests of each function."""
    collect = tool.collect_source_file_mutation_data

    def stop(**_: object) -> None:
        raise Prepared

    tool.collect_source_file_mutation_data = stop
    try:
        tool._run([], processes)
    except Prepared:
        tool.collect_source_file_mutation_data = collect


class Trial:
    """Tries mutants in place of the tests of a session."""

    def __init__(self, names: Sequence[str], *, processes: int) -> None:
        """Take what has not been tried, and the mutants that are named."""
        mutants, _ = tool.collect_source_file_mutation_data(mutant_names=[])
        self._data: dict[str, SourceFileMutationData] = {}
        for data, name, exit_code in mutants:
            data.meta_path = Path(data.meta_path).absolute()
            if name in names or exit_code is None:
                self._data[name] = data
        self._processes = processes
        self._running: dict[int, str] = {}
        self._in_child = False
        self._terminal = os.dup(2)
        self._shown_s = 0.0

    def tests_of(self, name: str) -> list[str]:
        """Return the tests that come by the function of a mutant, the fast first."""
        function = tool.mangled_name_from_mutant_name(name.replace("__init__.", ""))
        durations = mutmut.duration_by_test
        return sorted(mutmut.tests_by_mangled_function_name[function], key=durations.__getitem__)

    def seconds_of(self, name: str) -> float:
        """Return how long a mutant that nobody notices will take."""
        return float(sum(mutmut.duration_by_test[test] for test in self.tests_of(name)))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try each mutant in a fork, the fast first; it ends with the first test that fails."""
        items = {item.nodeid: item for item in session.items}
        gc.freeze()
        self._fork("", list(items.values()), seconds=sum(mutmut.duration_by_test.values()))
        if self._ended()[1]:
            pytest.exit("the tests fail while nothing is broken", returncode=1)
        for number, name in enumerate(sorted(self._data, key=self.seconds_of)):
            tests = [items[test] for test in self.tests_of(name) if test in items]
            if not tests:
                self._note(name, _NO_TESTS)
                continue
            self._fork(name, tests, seconds=self.seconds_of(name))
            if len(self._running) >= self._processes:
                self._note(*self._ended())
            self._show(number)
        while self._running:
            self._note(*self._ended())
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """End a fork with the first failure."""
        if self._in_child and report.failed:
            if not os.environ["MUTANT_UNDER_TEST"]:
                os.write(self._terminal, f"{report.nodeid}\n{report.longreprtext}\n".encode())
            os._exit(1)

    def _fork(self, name: str, items: Sequence[pytest.Item], *, seconds: float) -> None:
        child = os.fork()
        if child:
            self._running[child] = name
            return
        self._in_child = True
        os.environ["MUTANT_UNDER_TEST"] = name
        # A loop that never ends is ended.
        limit = ceil(2.0 * seconds + 5.0 + time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        os._exit(0)

    def _ended(self) -> tuple[str, int]:
        child, status = os.wait()
        return self._running.pop(child), os.waitstatus_to_exitcode(status)

    def _note(self, name: str, exit_code: int) -> None:
        data = self._data[name]
        data.exit_code_by_key[name] = exit_code
        data.save()

    def _show(self, number: int) -> None:
        if time.monotonic() - self._shown_s >= _SHOWN_SECONDS:
            self._shown_s = time.monotonic()
            sys.stdout.write(f"{number} of {len(self._data)}\n")
            sys.stdout.flush()


def main() -> int:
    """Try mutants; what became of them is found where mutmut looks for it."""
    del sys.path[0]
    processes, names = int(sys.argv[1]), sys.argv[2:]
    prepare(processes)
    os.environ["MUTANT_UNDER_TEST"] = ""
    trial = Trial(names, processes=processes)
    os.chdir("mutants")
    config = tool.Config.get()
    arguments = ["--rootdir=.", "--tb=native", "-q", "-s", "-p", "no:randomly"]
    arguments += [*config.pytest_add_cli_args, *config.pytest_add_cli_args_test_selection]
    return int(pytest.main(arguments, plugins=[trial]))


if __name__ == "__main__":
    sys.exit(main())
