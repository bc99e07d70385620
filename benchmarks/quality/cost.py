"""What each detector costs: `python -m benchmarks.quality.cost`.

Microseconds an event are minima of several runs and depend on the machine, so each stands beside
its ratio to decoding the same event from JSON with msgspec alone. A detector's own cost is what
is saved by switching it off.
"""

import time
from collections.abc import Iterator
from typing import Final

import click
import msgspec
from msgspec import Struct, structs

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.pipeline import judge, open_profile
from detectors.profile import Profile
from detectors.registry import DETECTORS
from detectors.snapshot import dump
from detectors.synthetic import WorldConfig, build_world

TYPICAL_IDS: Final = 10
RUNS: Final = 3


class Cost(Struct, frozen=True, kw_only=True):
    """One row: what judging costs with this set of detectors."""

    name: str
    microseconds: float
    main_bytes: float


def typical(events: Iterator[AccessEvent]) -> list[AccessEvent]:
    """Return the events with what a typical request names: up to ten ids, or one range."""
    shortened = []
    for event in events:
        given = event.participants
        if given is not None and given.ids is not None:
            short = Participants(ids=given.ids[:TYPICAL_IDS])
            shortened.append(structs.replace(event, participants=short))
        elif given is not None and given.ranges is not None:
            shortened.append(event)
    return shortened


def decoding_microseconds(events: list[AccessEvent]) -> float:
    """Return what decoding one event from JSON costs."""
    decoder = msgspec.json.Decoder(AccessEvent)
    lines = [msgspec.json.encode(event) for event in events]
    spent = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for line in lines:
            decoder.decode(line)
        spent.append(time.perf_counter() - begun)
    return 1e6 * min(spent) / len(lines)


def judging(name: str, events: list[AccessEvent], config: CoreConfig) -> Cost:
    """Return what judging one event costs, and the bytes of an institution's state."""
    spent = []
    profiles: dict[str, Profile] = {}
    for _ in range(RUNS):
        profiles = {
            each: open_profile(each, config=config)
            for each in sorted({event.institution for event in events})
        }
        begun = time.perf_counter()
        for event in events:
            judge(profiles[event.institution], event)
        spent.append(time.perf_counter() - begun)
    sizes = [len(dump(profile).main) for profile in profiles.values()]
    return Cost(
        name=name,
        microseconds=1e6 * min(spent) / len(events),
        main_bytes=sum(sizes) / len(sizes),
    )


def without(config: CoreConfig, detector: str) -> CoreConfig | None:
    """Return the config with one detector off; None where it has no switch of its own."""
    settings = getattr(config.detectors, detector, None)
    if settings is None or getattr(settings, "mode", "off") == "off":
        return None
    off = structs.replace(config.detectors, **{detector: structs.replace(settings, mode="off")})
    return structs.replace(config, detectors=off)


@click.command()
@click.option("--institutions", default=40, show_default=True)
@click.option("--days", default=60, show_default=True)
def main(institutions: int, days: int) -> None:
    """Print what each detector costs, in microseconds an event and as a ratio to decoding."""
    world = build_world(WorldConfig(seed=1, institutions=institutions, days=days))
    events = typical(world.events())
    decoding = decoding_microseconds(events)
    config = CoreConfig()
    whole = judging("all, as shipped", events, config)
    print(f"{len(events)} typical events; decoding one: {decoding:.2f} us")
    print(
        f"{'all, as shipped':16} {whole.microseconds:7.2f} us  {whole.microseconds / decoding:6.1f}"
        f" x decoding  {whole.main_bytes:8.0f} bytes of state per institution"
    )
    for detector in DETECTORS:
        reduced = without(config, detector)
        if reduced is None:
            continue
        rest = judging(detector, events, reduced)
        own = whole.microseconds - rest.microseconds
        print(f"{detector:16} {own:7.2f} us  {own / decoding:6.1f} x decoding")


if __name__ == "__main__":
    main()
