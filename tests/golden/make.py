"""Writes the golden files anew.

    .venv/bin/python tests/golden/make.py             # verdicts.jsonl, after a meant change
    .venv/bin/python tests/golden/make.py --scenario  # scenario.jsonl too: only for a new story

Look at the difference before it is committed: every changed byte is a changed verdict.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from detectors.config import CoreConfig
from detectors.event import AccessEvent, FieldCount, Participants
from detectors.register import Register
from detectors.verdict import Effect
from streams.console.progress import NullProgress
from streams.ingest.codec import DecodeConfig, decode_limits, encode
from streams.kafka.cluster import unprotected
from streams.replay.inputs import Rejects
from streams.replay.reading import Reading
from streams.replay.replay_run import ReplayRun
from streams.state.envelope import keys_from_text

HERE: Final = Path(__file__).parent
SCENARIO: Final = HERE / "scenario.jsonl"
VERDICTS: Final = HERE / "verdicts.jsonl"

_SEED: Final = 20_260_105
_START_MS: Final = 1_767_571_200_000
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
_DAYS: Final = 50
_THEFT_DAY: Final = 46
_REQUESTS_PER_DAY: Final = 5


def verdicts(scenario: Path) -> Iterator[bytes]:
    """Yield every alert, then each institution's chain of verdicts."""
    config = CoreConfig()
    reading = Reading(
        limits=decode_limits(DecodeConfig(), config.cohort),
        mapping=None,
        cluster=unprotected(""),
        keys=keys_from_text(None),
        raw_topic=None,
    )
    rejects = Rejects(None)
    run = ReplayRun(config, register=Register(), reading=reading, rejects=rejects)
    encoder = msgspec.json.Encoder(order="sorted")
    effects: Iterator[Effect] = run.effects([str(scenario)], progress=NullProgress())
    for effect in effects:
        yield encoder.encode(effect)
    for profile in run.profiles:
        state = profile.state
        yield encoder.encode(
            {
                "institution": state.institution,
                "events": state.events_count,
                "held": profile.ledger.state.held_participants,
                "chain": state.chain.hex(),
            }
        )
    yield encoder.encode({"rejected": dict(rejects.counts)})


def story() -> Iterator[bytes]:
    """Yield the lines of the scenario: four honest institutions, a thief, and bad records."""
    rng = random.Random(_SEED)
    events = [
        event
        for day in range(_DAYS)
        for name, first in (("steady", 0), ("again", 50_000), ("thief", 100_000), ("counts", -1))
        for event in _working_day(rng, name, day=day, first=first)
    ]
    events += _theft()
    # A producer's retry, a late event and a wrong key among the others.
    events += [events[100], msgspec.structs.replace(events[7], id="late-1")]
    events.sort(key=lambda event: (event.time, event.id))
    for number, event in enumerate(events):
        yield encode(event)
        if number == len(events) // 2:
            yield b'{"id": "torn'
            yield b'{"id":"x","time":-1,"institution":"steady","dataset":"imaging"}'


def _working_day(rng: random.Random, name: str, *, day: int, first: int) -> Iterator[AccessEvent]:
    for number in range(_REQUESTS_PER_DAY):
        minute = 8 * 60 + number * 100 + rng.randrange(60)
        place = first + (day * 40 if name != "again" else 0) + rng.randrange(200)
        taken = Participants(ranges=[(place, place + rng.randrange(40))])
        yield AccessEvent(
            id=f"{name}-{day}-{number}",
            time=_START_MS + day * _DAY_MS + minute * _MINUTE_MS,
            institution=name,
            user=f"{name}-user-{number % 3}",
            dataset="imaging" if number % 4 else "genomics",
            bytes=rng.randrange(10_000_000),
            participants=Participants(count=rng.randrange(50)) if first < 0 else taken,
            fields=FieldCount(count=rng.randrange(1, 30)),
            outcome="denied" if rng.random() < 0.02 else "success",
        )


def _theft() -> Iterator[AccessEvent]:
    for step in range(60):
        first = 200_000 + step * 2_000
        yield AccessEvent(
            id=f"theft-{step}",
            time=_START_MS + _THEFT_DAY * _DAY_MS + (60 + step * 3) * _MINUTE_MS,
            institution="thief",
            user="thief-user-1",
            action="export",
            dataset="imaging",
            bytes=500_000_000,
            participants=Participants(ranges=[(first, first + 1_999)]),
        )


def main() -> None:
    """Write the files."""
    if "--scenario" in sys.argv[1:]:
        SCENARIO.write_bytes(b"".join(line + b"\n" for line in story()))
    VERDICTS.write_bytes(b"".join(line + b"\n" for line in verdicts(SCENARIO)))


if __name__ == "__main__":
    main()
