"""What an institution's judge counts of rejected records is the same in a file and in a worker."""

import asyncio
from pathlib import Path

from click.testing import CliRunner

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.register import Register
from detectors.verdict import Alert, RaiseAlert
from streams.cli.replay import command
from streams.ingest.codec import encode
from streams.ingest.rejects import unread_of
from streams.replay.replay import Replay
from streams.sinks.alert_reader import read_alert, read_finding
from tests.builders import KafkaRecord, event
from tests.desks import ROW_MAPPING, JudgeDesk, OnePartitionGroup, RekeyDesk

START_MS = 1_767_600_000_000
RECEIVED_MS = KafkaRecord(0, None).timestamp


def lines() -> list[bytes]:
    """Return events of one institution, of which a third cannot be judged and some only in part."""
    good = [
        encode(event(id=f"e-{number}", time=START_MS + number * 60_000, bytes=9))
        for number in range(60)
    ]
    torn = [line.replace(b'"time":', b'"at":') for line in good[::3]]
    cut = [line.replace(b'"dataset"', b'"client":7,"dataset"') for line in good[1::3]]
    return [line for three in zip(good[2::3], torn, cut, strict=True) for line in three]


def alerts_in(desk: JudgeDesk) -> list[Alert]:
    """Return what the worker told."""
    return [read_alert(value or b"") for value in desk.values("t.alerts")]


def test_a_file_and_the_worker_tell_the_same(tmp_path: Path) -> None:
    """Byte for byte, whatever the batches."""
    log, alerts_path = tmp_path / "log.ndjson", tmp_path / "alerts.ndjson"
    log.write_bytes(b"\n".join(lines()))
    CliRunner().invoke(command, [str(log), "--alerts", str(alerts_path)])
    replayed = [read_finding(line) for line in alerts_path.read_bytes().splitlines()]
    desk = JudgeDesk()
    records = [KafkaRecord(number, line, b"north") for number, line in enumerate(lines())]
    desk.take(records[:25])
    desk.save()
    desk.start()
    desk.take(records[25:])
    assert [alert.reasons[0].detector for alert in replayed] == ["unreadable", "unreadable"]
    assert alerts_in(desk) == replayed
    assert len(desk.values("t.dead-letters")) == 20


def test_a_record_under_the_key_of_another_counts_for_nobody() -> None:
    """It lies before another's judge, which must not begin a second one for its institution."""
    desk = JudgeDesk()
    desk.take([KafkaRecord(number, line, b"south") for number, line in enumerate(lines())])
    assert alerts_in(desk) == []
    assert desk.watcher.reasons


def test_rejected_rows_of_a_raw_topic_count_where_their_institution_is_judged() -> None:
    """As rows of a file do: the agent that re-keys sends a notice besides the dead letter."""
    rows = [
        f"{'2026-04-01T12:00:00Z' if number % 2 else 'yesterday'},oxford,d{number}".encode()
        for number in range(80)
    ]
    rekeying = RekeyDesk(OnePartitionGroup(committed=0))

    async def scenario() -> None:
        await rekeying.agent.recovery_complete()
        await rekeying.give(*rows)

    asyncio.run(scenario())
    sent = rekeying.outbox.values("t.access-events")
    desk = JudgeDesk()
    desk.take([KafkaRecord(number, value, b"oxford") for number, value in enumerate(sent)])
    read = [ROW_MAPPING.row(row, "t.raw.log/0", number) for number, row in enumerate(rows)]
    replay = Replay(CoreConfig(), register=Register())
    counted = [
        line
        for each in read
        for line in (
            [each] if isinstance(each, AccessEvent) else unread_of(each, received_ms=RECEIVED_MS)
        )
    ]
    replayed = [
        effect.alert for effect in replay.effects(counted) if isinstance(effect, RaiseAlert)
    ]
    assert alerts_in(desk) == replayed
    # The first lies before all that could be judged, and counts to that day.
    counts = [(alert.rejects, alert.reasons[0].observed) for alert in replayed]
    assert counts == [({"time_unparsable": count}, float(count)) for count in (20, 40)]
    assert desk.values("t.dead-letters") == []


def test_an_institution_of_whom_nothing_was_judged_is_told_of_when_it_came() -> None:
    """By the time at which Kafka received the record; never of 1970."""
    torn = [line for line in lines() if b'"at":' in line]
    desk = JudgeDesk()
    desk.take([KafkaRecord(number, line, b"north") for number, line in enumerate(torn)])
    assert [(each.at_ms, each.started_ms) for each in alerts_in(desk)] == [
        (RECEIVED_MS, RECEIVED_MS)
    ]
