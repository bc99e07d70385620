"""Two workers, three partitions, a real Kafka behind a bad network, and seeded faults.

Afterwards a plain oracle over the topic by the pure core says what must have come out: every alert,
summary, holding and dead letter byte for byte, and every saved state. Repeats are allowed, but
only as they were. `make faults` runs more of them.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.exits import ExitCode
from tests.faults.fault_harness import Ground, battle, ground
from tests.faults.schedule import FAULTS, Fault, Schedule, drawn, run
from tests.faults.worker_under_test import SESSION_SECONDS

# Two of those that CI draws, which share no kind of fault.
SEEDS = (6, 26)
CI_SEEDS = range(1, 31)

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Yield a broker behind a proxy, one for all schedules."""
    with ground(tmp_path_factory.mktemp("ground")) as broker_ground:
        yield broker_ground


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: str(drawn(seed)))
def test_nothing_is_lost_and_nothing_invented(seed: int, field: Ground, tmp_path: Path) -> None:
    """Whatever the schedule, what came out is what an undisturbed oracle gives."""
    assert run(drawn(seed), field, tmp_path).differences == []


def test_a_zombie_notices_and_ends_before_it_writes(field: Ground, tmp_path: Path) -> None:
    """It wakes after others have taken over; its exit code says why it went."""
    with battle(field, tmp_path, name="zombie") as harness:
        with harness.source:
            harness.wait_until(harness.are_ready)
            harness.wait_until(lambda: harness.source.has_sent(500))
            process = harness.workers[0].process
            assert process is not None
            process.send_signal(signal.SIGSTOP)
            # The fault is that time passes for everybody else.
            time.sleep(SESSION_SECONDS + 2.0)
            process.send_signal(signal.SIGCONT)
            assert process.wait(15) == ExitCode.LEASE_LOST
        assert harness.compared().differences == []


def test_a_broken_rule_shows(field: Ground, tmp_path: Path) -> None:
    """Otherwise no difference would mean nothing."""
    fault = Fault(name="kill before partition_records", after_seconds=1.0, target=0, visits=1)
    schedule = Schedule(seed=1, faults=(fault,))
    came = run(schedule, field, tmp_path, broken="skip-what-is-applied")
    assert came.points_count == 1
    assert any(difference.startswith("state of ") for difference in came.differences)


def test_ci_strikes_with_everything() -> None:
    """A new kind of fault must not slip by."""
    struck = {fault.name for seed in CI_SEEDS for fault in drawn(seed).faults}
    assert struck == set(FAULTS)
