import json
from collections import Counter
from pathlib import Path

from benchmarks.speed.open_loop import GRAB_EVERY, PER_SECOND, events, schedule

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


def test_the_figures_on_record_name_everybody() -> None:
    """Events a second of all six; no alert was missing, and the naive build is far behind."""
    found = json.loads(LATEST.read_text())
    names = ("limit", "worker", "replay", "naive", "quixstreams", "bytewax")
    assert all(found[name] > 0 for name in names)
    assert found["ratio_to_naive"]["worker"] > 10
    assert found["alert_delay"]["missing_count"] == 0
