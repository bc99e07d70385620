"""What a push leads to: one signed record in each partition, and on the recorder's metrics."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig, config_hash
from detectors.config_schedule import Scheduled
from detectors.response.config import ResponseConfig
from detectors.response.entries import NO_CORE, ConfigPushed, Configured, DecisionMade, Tick
from detectors.response.push import ConfigRefused, sendable
from streams.control.records import decode_control
from streams.response.gauges import ResponseGauges
from streams.response.journal import Journal
from streams.response.outputs import Outputs
from streams.response.people import People
from streams.state.envelope import StateKeys

KEYS = StateKeys("a secret of sixteen")
NOW_MS = 1_775_044_800_000
PARTITIONS = 3
FILE = CoreConfig()
QUIET = CoreConfig(budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=1.0))
SMALL = CoreConfig(cohort=CohortConfig(size=9))


class Record:
    """A journal in which a configuration was pushed to workers whose file says the defaults."""

    def __init__(self, config: CoreConfig) -> None:
        """Keep the lines, and what follows from the push."""
        configured = Configured(
            response=ResponseConfig(),
            cohort_size=FILE.cohort.size,
            config_hash=config_hash(FILE),
            version="1",
            core=sendable(FILE),
        )
        verb = ConfigPushed(
            from_ms=NOW_MS, config=sendable(config), config_hash=config_hash(config)
        )
        decision = DecisionMade(decision_id="d", who="ann", note="", at_ms=0, verb=verb, jws="")
        self.journal = Journal()
        first = self.journal.append([(None, configured)], now_ms=NOW_MS)
        second = self.journal.append([(None, decision)], now_ms=NOW_MS)
        self.lines = (*first.lines, *second.lines)
        self.actions = second.actions


def outputs() -> Outputs:
    """Return what makes records."""
    return Outputs("t", People({}), partitions=PARTITIONS, keys=KEYS)


def test_every_partition_is_told_and_told_the_same_again_at_the_next_start() -> None:
    """Signed for its place each, under the line of the audit, so that a repeat is one."""
    record = Record(QUIET)
    records = outputs().controls(record.actions)
    assert [control.partition for control in records] == list(range(PARTITIONS))
    instructions = [
        decode_control(control, topic="t.access-events", partition=partition, keys=KEYS, base=FILE)
        for partition, control in enumerate(records)
    ]
    assert instructions == [Scheduled(sequence=1, from_ms=NOW_MS, config=QUIET)] * PARTITIONS
    again = Journal()
    for line in record.lines:
        again.read(line)
    assert outputs().controls(again.to_say_again()) == [*records, *records]
    # And at each start after that: a partition that is judged anew may have lost it.
    again.append([(None, Tick())], now_ms=NOW_MS + 1)
    assert outputs().controls(again.to_say_again()) == records


def test_a_refused_push_tells_nobody() -> None:
    """The judges never hear of it."""
    actions = Record(SMALL).actions
    assert isinstance(actions[0].action, ConfigRefused)
    assert outputs().controls(actions) == []
    assert outputs().register(actions) == outputs().suspensions(actions) == []


@pytest.mark.parametrize(("config", "outcome"), [(QUIET, "accepted"), (SMALL, "refused")])
def test_pushes_are_counted_by_what_came_of_them(config: CoreConfig, outcome: str) -> None:
    """Both series are there from the start."""
    registry = CollectorRegistry()
    gauges = ResponseGauges(registry)
    record = Record(config)
    gauges.responded(record.journal.state, record.actions, entries_count=2)
    counts = {
        name: registry.get_sample_value("headgate_config_pushes_total", {"outcome": name})
        for name in ("accepted", "refused")
    }
    assert counts == {"accepted": 0.0, "refused": 0.0} | {outcome: 1.0}


def test_a_line_of_an_earlier_version_is_read_as_it_was() -> None:
    """Without the core's configuration, about which it then says nothing."""
    line = msgspec.json.decode(Record(QUIET).lines[0])
    del line["body"]["core"]
    journal = Journal()
    journal.read(msgspec.json.encode(line))
    assert journal.configured is not None
    assert (journal.configured.core, journal.state.core) == (NO_CORE, None)
