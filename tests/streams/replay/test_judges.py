"""Judges that are packed while they are idle judge as if they had stayed."""

from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.instants import DAY_MS, HOUR_MS
from detectors.peers.builder import ReferenceBuilder
from detectors.register import Register
from detectors.snapshot import dump
from detectors.verdict import DailySummary, Effect
from streams.replay.replay import Replay
from tests.builders import taking

START_MS: Final = 1_767_600_000_000
CORE: Final = CoreConfig()


class WatchedBuilder(ReferenceBuilder):
    """A builder that keeps what goes in."""

    def __init__(self) -> None:
        """Have nothing."""
        super().__init__(CORE.reference)
        self.summaries: list[DailySummary] = []

    def add(self, summary: DailySummary) -> None:
        """Keep it, and fold it."""
        self.summaries.append(summary)
        super().add(summary)


def replay_of(*, resident_max: int) -> tuple[Replay, WatchedBuilder]:
    """Return a replay in which at most so many judges are at work."""
    replay, builder = Replay(CORE, register=Register()), WatchedBuilder()
    replay.profiles.resident_max = resident_max
    replay._builder = builder
    return replay, builder


def judged(events: list[AccessEvent], *, resident_max: int) -> tuple[bytes, bytes, list[bytes]]:
    """Return effects, summaries with the last reference, and all states, as bytes."""
    replay, builder = replay_of(resident_max=resident_max)
    effects: list[Effect] = list(replay.effects(events))
    states = [dump(profile).main for _, profile in sorted(replay.profiles.items())]
    return (
        msgspec.json.encode(effects),
        msgspec.json.encode((builder.summaries, builder.build(START_MS // DAY_MS + 60))),
        states,
    )


@settings(max_examples=6, deadline=None)
@given(
    who=st.lists(st.integers(0, 11), min_size=20, max_size=60),
    step_hours=st.sampled_from([1, 7, 30]),
)
def test_effects_summaries_references_and_states_are_the_same_bytes(
    who: list[int], step_hours: int
) -> None:
    """With three judges at work at a time, and with all of them."""
    events = [
        taking(
            50 + 4_000 * (number % 17 == 0),
            first=number * 700,
            id=f"e{number}",
            time=START_MS + number * step_hours * HOUR_MS,
            institution=f"i{institution}",
            bytes=number * 1_000_000,
        )
        for number, institution in enumerate(who)
    ]
    assert judged(events, resident_max=3) == judged(events, resident_max=100)


def test_idle_judges_are_counted_listed_and_come_back_by_name() -> None:
    """Nobody can tell whether a judge is at work."""
    replay, _ = replay_of(resident_max=4)
    events = [
        taking(1, first=n, id=f"e{n}", time=START_MS + n, institution=f"i{n:02}") for n in range(40)
    ]
    assert list(replay.effects(events)) == []
    assert (len(replay.profiles), len(replay.profiles.resident)) == (40, 4)
    assert "i00" in replay.profiles
    assert sorted(replay.profiles) == [f"i{n:02}" for n in range(40)]
    assert sum(profile.state.events_count for profile in replay.profiles.values()) == 40
    assert len({each.state.institution for each in replay.profiles.states()}) == 40
    assert replay.profiles["i00"].ledger.state.held_participants == 1
