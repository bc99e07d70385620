"""Pushed configurations in a partition: worker and replay come under them at the same events."""

import logging
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.config import CohortConfig, CoreConfig, config_hash
from detectors.register import Register
from detectors.snapshot import dump
from detectors.verdict import RaiseAlert
from streams.control.config_record import encode_scheduled
from streams.replay.replay import Replay
from streams.sinks import alerts
from streams.state.envelope import StateKeys
from tests.builders import KafkaRecord
from tests.streams.control.pushed_log import (
    CHANGED,
    CONFIGS,
    FILE,
    FORGETFUL,
    MANY,
    SMALL,
    Item,
    ResumingDesk,
    control,
    grab,
    hashes,
    logs,
    push,
    record_of,
    records_of,
)
from tests.streams.worker.reference_desk import unknown_references, with_days


@settings(max_examples=200)
@example(items=MANY, cuts={3, 7, 11, 19}, saves={3, 11}, kills={7, 19})
@given(
    items=logs(),
    cuts=st.sets(st.integers(1, 23)),
    saves=st.sets(st.integers(1, 23)),
    kills=st.sets(st.integers(1, 23)),
)
def test_neither_batches_nor_crashes_change_under_what_an_event_is_judged(
    items: list[Item], cuts: set[int], saves: set[int], kills: set[int]
) -> None:
    """The same alerts to the byte and the same states as those of a plain replay."""
    desk, records = ResumingDesk(), records_of(items)
    bounds = [0, *sorted({cut for cut in cuts | saves | kills if cut < len(records)}), len(records)]
    for _, end in pairwise(bounds):
        desk.resume(records[:end])
        if end in saves:
            desk.save()
        if end in kills:
            desk.start()
    desk.resume(records)
    replay = Replay(FILE, register=Register(), references=unknown_references())
    effects = [
        effect for effect in replay.effects(with_days(items)) if isinstance(effect, RaiseAlert)
    ]
    assert desk.alerts == [alerts.record(effect, topic_prefix="t").value for effect in effects]
    for name, profile in replay.profiles.items():
        assert dump(desk.profile(name)).main == dump(profile).main
    assert desk.watcher.rejects == []


def test_alerts_quote_what_held_at_their_event() -> None:
    """The push lies in the log before its time has come; each institution has its own time."""
    desk = ResumingDesk()
    desk.resume(
        records_of(
            [
                push(3, hour=10),
                grab(0, hour=9),
                grab(1, hour=10),
                grab(2, hour=8, institution="south"),
                # Late: north is past the hour, and stays where it is.
                grab(3, hour=9, size=200_000),
            ]
        )
    )
    new, old = config_hash(CONFIGS[0]), config_hash(FILE)
    assert hashes(desk) == [old, new, old, new]
    assert desk.watcher.counts.config == CONFIGS[0]
    assert (desk.watcher.counts.configs_accepted, desk.watcher.counts.configs_refused) == (1, 0)


def test_a_repeat_is_not_counted_and_changes_nothing() -> None:
    """The recorder says its last batch again at every start."""
    desk = ResumingDesk()
    desk.resume(records_of([push(3, hour=0), push(3, hour=0, config=CONFIGS[1]), grab(0, hour=1)]))
    assert desk.watcher.counts.configs_accepted == 1
    assert desk.profile("north").config == CONFIGS[0]
    assert desk.watcher.rejects == []


def test_what_was_pushed_holds_after_a_restart_and_the_file_that_differs_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both are named by their hashes; a file that has caught up is not complained of."""
    items: list[Item] = [push(3, hour=0), grab(0, hour=1), grab(1, hour=2), grab(2, hour=3)]
    desk, records = ResumingDesk(), records_of(items)
    for file, warnings_count in ((FILE, 1), (CONFIGS[0], 0)):
        caplog.clear()
        desk.file = file
        desk.start()
        for end in (2, 3, 4):
            desk.resume(records[:end])
            desk.save()
        warned = [vars(line) for line in caplog.records if line.levelno == logging.WARNING]
        assert [(line["config_hash"], line["file_config_hash"]) for line in warned] == [
            (config_hash(CONFIGS[0]), config_hash(FILE))
        ] * warnings_count
    assert set(hashes(desk)) == {config_hash(CONFIGS[0])}


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        pytest.param(
            record_of(1, CHANGED, keys=StateKeys("somebody else's key")),
            "unsigned: a control record of kind 'config' that no key of ours has signed for this "
            "place",
            id="signed by another key",
        ),
        pytest.param(
            control(1, b""),
            "config_invalid: configuration: Input data was truncated",
            id="empty",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":0,"config":{"budgets":{}}}'),
            "config_invalid: configuration: Object contains unknown field `budgets` - at "
            "`$.config`",
            id="an unknown key",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":0,"config":{"policy":{"quiet_days":0}}}'),
            "config_invalid: configuration: Expected `int` >= 1 - at `$.config.policy.quiet_days`",
            id="out of range",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":-1,"config":{}}'),
            "config_invalid: configuration: Expected `int` >= 0 - at `$.from_ms`",
            id="from before all time",
        ),
        pytest.param(
            control(1, encode_scheduled(msgspec.structs.replace(CHANGED, config=SMALL))),
            "config_invalid: configuration: cohort.size: cannot change while judging; 500000 "
            "holds, got 9",
            id="another cohort",
        ),
        pytest.param(
            control(1, encode_scheduled(msgspec.structs.replace(CHANGED, config=FORGETFUL))),
            "config_invalid: configuration: dedupe.events_max: cannot change while judging; 1024 "
            "holds, got 9",
            id="another memory of ids",
        ),
        pytest.param(
            control(1, b'{"sequence":4,"from_ms":0,"config":{"detectors":{"multivariate":'
                    b'{"models":[{"name":"m","path":"os.System"}]}}}}'),
            "config_invalid: configuration: detectors.multivariate.models.m.path: River has no "
            "os.System",
            id="a model that does not exist",
        ),
        pytest.param(
            control(1, b" " * 262_145),
            "config_invalid: configuration: 262145 bytes, more than 262144",
            id="too large",
        ),
    ],
)  # fmt: skip
def test_one_that_cannot_hold_is_refused_and_the_old_one_stays(
    refused: KafkaRecord, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Dead letter, metric and log say so, and judging goes on."""
    desk = ResumingDesk()
    desk.resume([record_of(0, push(3, hour=0)), refused, record_of(2, grab(0, hour=1))])
    (reject,) = desk.watcher.rejects
    assert f"{reject.reason.value}: {reject.detail}" == reason
    assert desk.values("t.dead-letters") == [refused.value]
    assert desk.profile("north").config == CONFIGS[0]
    assert (desk.watcher.counts.configs_accepted, desk.watcher.counts.configs_refused) == (1, 1)
    (line,) = [vars(line) for line in caplog.records if line.levelno == logging.ERROR]
    assert (line["message"], line["partition"], line["offset"]) == (
        "A control record is rejected.",
        0,
        1,
    )
    assert f"{line['reason']}: {line['detail']}" == reason


def test_a_file_of_another_cohort_holds_until_something_is_pushed_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever enlarges the cohort starts the workers again, and pushes again what was pushed."""
    larger = CoreConfig(cohort=CohortConfig(size=600_000))
    pushed = msgspec.structs.replace(larger, budget=CONFIGS[0].budget)
    items: list[Item] = [
        push(3, hour=0),
        grab(0, hour=1),
        grab(1, hour=2),
        push(7, hour=0, config=pushed),
        grab(2, hour=3),
    ]
    desk, records = ResumingDesk(), records_of(items)
    desk.resume(records[:2])
    desk.save()
    desk.file = larger
    desk.start()
    desk.resume(records[:3])
    assert desk.profile("north").config == larger
    assert "does not hold any more" in caplog.text
    desk.resume(records)
    assert desk.profile("north").config == pushed
