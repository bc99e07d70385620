import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from benchmarks.speed.backlog import ALLOWED_BYTES, Backlog
from benchmarks.speed.filling import many
from benchmarks.speed.growth import spread
from benchmarks.speed.open_loop import GRAB_EVERY, PER_SECOND, events, schedule
from benchmarks.speed.refusing import KINDS, TOLD_RATIO, spoilt
from detectors.config import CohortConfig
from detectors.event import AccessEvent, time_ms
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.ingest.rejects import Rejected

LATEST = Path(__file__).parents[2] / "benchmarks/speed/latest.json"
COUNT = 100_000


def test_the_open_loop_keeps_its_rate_in_bursts_of_a_heavy_tail() -> None:
    """5,000 a second on average, and now and then many at once."""
    times = schedule(COUNT)
    assert abs(COUNT / times[-1] / PER_SECOND - 1) < 0.1
    assert max(Counter(times).values()) > 500
    assert times == sorted(times) == schedule(COUNT)


def test_every_hundredth_event_of_the_open_loop_is_a_theft_of_its_own() -> None:
    """So each alert tells which event it waited for."""
    thieves = [event.institution for event in events(1_000) if event.institution[:5] == "open-"]
    assert len(set(thieves)) == len(thieves) == 1_000 // GRAB_EVERY


def judged(records: list[tuple[bytes, bytes]]) -> list[AccessEvent | Rejected]:
    """Return what a worker makes of records, received within their hour."""
    limits = decode_limits(DecodeConfig(), CohortConfig())
    return [decode(value, kafka_time_ms=1_800_000_000_000, limits=limits) for key, value in records]


def test_events_made_from_templates_are_events_of_their_own() -> None:
    """So many ids, in the order of their times, by the institutions of the typical workload."""
    access_events = [
        event for event in judged(list(many(60_000))) if isinstance(event, AccessEvent)
    ]
    assert len({event.id for event in access_events}) == 60_000
    assert [time_ms(event) for event in access_events] == sorted(
        time_ms(event) for event in access_events
    )
    assert len({event.institution for event in access_events}) == 200


def test_every_tenth_message_is_spoilt_and_each_kind_is_refused_for_its_reason() -> None:
    """Or the cost of refusing would be that of something else."""
    results = judged(list(spoilt(600)))
    refused = [result.reason.value for result in results if isinstance(result, Rejected)]
    assert Counter(refused) == dict.fromkeys(KINDS, 60 // len(KINDS))
    assert all(isinstance(result, Rejected) for result in results[9::10])


def test_each_of_many_institutions_sends_as_often_as_each_of_few() -> None:
    """Else the curve would show how many days are closed, not how many institutions there are."""
    for institutions in (10, 1_000):
        first, again = (
            next(spread(1, institutions=institutions, first=number)) for number in (0, institutions)
        )
        assert first.institution == again.institution
        assert time_ms(again) - time_ms(first) == 600_000


def test_a_backlog_fits_up_to_what_is_allowed() -> None:
    """Half a gigabyte above the idle worker, and not a byte more."""
    figures = {"events_count": 1, "end_bytes": 0, "per_second": 1.0, "per_cpu_second": 1.0}
    for over, fits in ((0, True), (1, False)):
        measured = Backlog(
            idle_bytes=100,
            peak_bytes=100 + ALLOWED_BYTES + over,
            allowed_bytes=ALLOWED_BYTES,
            **figures,  # type: ignore[arg-type]
        )
        assert measured.fits is fits


def test_the_figures_on_record_keep_what_is_promised() -> None:
    """Recovery, memory, refusals and a second worker, within what each may cost."""
    figures = json.loads(LATEST.read_text())
    recovery, backlog = figures["growth"]["recovery"], figures["backlog"]
    assert recovery["institutions_count"] == 10_000
    assert recovery["start_seconds"] <= recovery["allowed_seconds"]
    assert backlog["peak_bytes"] <= backlog["idle_bytes"] + backlog["allowed_bytes"]
    assert figures["refusing"]["spoilt_ratio"] == TOLD_RATIO
    assert figures["refusing"]["cost_ratio"] < 0.05
    assert figures["scaling"]["efficiency_per_cpu_second"] > 0.8


def test_the_figures_on_record_show_no_cliff() -> None:
    """A hundred thousand institutions are judged as ten are, and many people faster than few."""
    growth = json.loads(LATEST.read_text())["growth"]
    rates = [point["per_cpu_second"] for point in growth["by_institutions"]]
    assert min(rates) > max(rates) / 3
    people = [point["participants_per_cpu_second"] for point in growth["by_participants"]]
    assert all(more > 0.7 * fewer for fewer, more in pairwise(people))


def test_the_figures_on_record_name_everybody() -> None:
    """Events a second of all six; no alert was missing, and the naive build is far behind."""
    figures = json.loads(LATEST.read_text())
    names = ("limit", "worker", "replay", "naive", "quixstreams", "bytewax")
    assert all(figures[name] > 0 for name in names)
    assert figures["ratio_to_naive"]["worker"] > 10
    assert figures["alert_delay"]["missing_count"] == 0
