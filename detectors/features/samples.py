"""Step 3 of 7: event -> which events a sentence may name: the largest of each taker and window.

Of each taker an event is kept while fewer than three are as large and no older: whichever window is
asked for later, its three largest are among those. Where that is more than the bound, those are
kept that sentences are likeliest to name: of every window that ends now the three largest, and
those of whoever took most of it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct

SAMPLES_PER_TAKER: Final = 3
# More would make the state of an institution of a few users larger by a tenth and more.
SAMPLES_MAX: Final = 64
# Of five windows, three of all and three of each of two halves: 45 can be asked for now.
_SPARED_MAX: Final = 56
# The three largest of a window, whoever took them, are worth what half of it is.
_LARGEST_RATIO: Final = 0.5

Name = str | None


class Sample(Struct, kw_only=True, array_like=True):
    """One event that took new participants, and where it is counted."""

    bucket: int
    new: int
    taker: int
    event_id: str
    # Of the same taker: how many are as large and no older. From three on it is never told.
    larger_count: int = 0


class TakenWithin(Struct, frozen=True, kw_only=True):
    """What was taken within one window, by user."""

    first: Annotated[int, Meta(description="the window's first unit")]
    unit_buckets: Annotated[int, Meta(description="how many buckets a unit has")]
    users: dict[Name, int]

    def holds(self, sample: Sample) -> bool:
        """Tell whether an event is counted within the window."""
        return sample.bucket // self.unit_buckets >= self.first


def with_sample(samples: list[Sample], sample: Sample) -> list[Sample]:
    """Return the samples with one more, the oldest first, without those that it outdoes."""
    outdone = False
    for each in samples:
        if each.taker != sample.taker:
            continue
        if sample.bucket >= each.bucket and sample.new >= each.new:
            each.larger_count += 1
            outdone |= each.larger_count >= SAMPLES_PER_TAKER
        elif each.bucket > sample.bucket and each.new >= sample.new:
            sample.larger_count += 1
    samples.append(sample)
    if outdone or sample.larger_count >= SAMPLES_PER_TAKER:
        samples = [each for each in samples if each.larger_count < SAMPLES_PER_TAKER]
    if len(samples) > 1 and samples[-2].bucket > sample.bucket:
        # The oldest goes first, so that a look at it shows whether any has to go.
        samples.sort(key=lambda each: each.bucket)
    return samples


def likeliest(
    samples: list[Sample], windows: Iterable[TakenWithin], *, users: list[Name]
) -> list[Sample]:
    """Return the samples that sentences are likeliest to name, in their order.

    `users` are those of the takers, by place. A sample is worth its user's part of a window,
    divided by how many of the user's there are as large.
    """
    worth = [0.0] * len(samples)
    by_size = sorted(range(len(samples)), key=lambda place: _by_size(samples[place]))
    for window in windows:
        total = sum(window.users.values()) or 1
        ranks: Counter[Name] = Counter()
        for place in by_size:
            if not window.holds(samples[place]):
                continue
            user = users[samples[place].taker]
            ranks[user] += 1
            worth[place] = max(
                worth[place],
                _LARGEST_RATIO / ranks.total(),
                window.users.get(user, 0) / total / ranks[user],
            )
    best = sorted(range(len(samples)), key=lambda place: (-worth[place], -place))
    return [samples[place] for place in sorted(best[:_SPARED_MAX])]


def _by_size(sample: Sample) -> tuple[int, int, str]:
    return -sample.new, -sample.bucket, sample.event_id
