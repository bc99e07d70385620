"""Who took how much of a window, against a recount of all that was taken.

bound    |=========================|   what a window has
known    |== ada ==|= nobody =|        each at least as much
unknown                       |====|   beyond all that is known
"""

from collections import Counter
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detectors.features.samples import SAMPLES_MAX, SAMPLES_PER_TAKER
from detectors.features.takers import TAKERS_MAX, Takers, TakersState
from detectors.features.windows import (
    BUCKETS_PER_DAY,
    BUCKETS_PER_HOUR,
    HOURS_PER_DAY,
    MONTH_DAYS,
    WEEK_DAYS,
    Window,
)

ANYBODY = "anybody"
# Bucket in which it was taken, user, project, new participants.
Taken = tuple[int, str | None, str | None, int]

STEPS = st.one_of(
    st.integers(-BUCKETS_PER_HOUR, BUCKETS_PER_HOUR),
    st.integers(-BUCKETS_PER_DAY, BUCKETS_PER_DAY),
    st.sampled_from([0, 1, 40 * BUCKETS_PER_DAY, -31 * BUCKETS_PER_DAY, 9 * BUCKETS_PER_DAY]),
)
SPANS = {
    Window.MINUTES_5: (1, 1),
    Window.HOUR: (1, BUCKETS_PER_HOUR),
    Window.DAY: (BUCKETS_PER_HOUR, HOURS_PER_DAY),
    Window.WEEK: (BUCKETS_PER_DAY, WEEK_DAYS),
    Window.MONTH: (BUCKETS_PER_DAY, MONTH_DAYS),
}


@st.composite
def histories(draw: st.DrawFn, *, users_max: int) -> list[Taken]:
    """Return takings of some users at times that go on, go back and leap."""
    users = [None, *(f"u-{number}" for number in range(users_max - 1))]
    bucket = draw(st.integers(0, 100 * BUCKETS_PER_DAY))
    history = []
    for step in draw(st.lists(STEPS, max_size=40)):
        bucket = max(0, bucket + step)
        user = draw(st.sampled_from(users))
        project = None if user is None else f"p-{len(user)}"
        history.append((bucket, user, project, draw(st.integers(1, 9))))
    return history


def takers_after(history: list[Taken]) -> tuple[Takers, int]:
    """Return the takers of a history, and its newest bucket."""
    takers, now = Takers(TakersState()), -1
    for number, (bucket, user, project, new) in enumerate(history):
        now = max(now, bucket)
        takers.add(
            bucket, open_bucket=now, user=user, project=project, new=new, event_id=f"e-{number}"
        )
    return takers, now


def placed(history: list[Taken], window: Window) -> list[tuple[int, Taken, bool]]:
    """Return what lies in a window, with its number and whether it came too late for any."""
    newest, inside, now = [], [], -1
    for taken in history:
        now = max(now, taken[0])
        newest.append(now)
    per, length = SPANS[window]
    for number, (taken, then) in enumerate(zip(history, newest, strict=True)):
        late = taken[0] // BUCKETS_PER_DAY <= then // BUCKETS_PER_DAY - MONTH_DAYS
        bucket = then if late else taken[0]
        if bucket // per > now // per - length:
            inside.append((number, taken, late))
    return inside


@given(history=histories(users_max=5), window=st.sampled_from(Window))
def test_few_users_are_counted_exactly(history: list[Taken], window: Window) -> None:
    """Whatever the order and the gaps of event time, each has what was taken in the window."""
    takers, now = takers_after(history)
    takings = takers.within(window, open_bucket=now)
    users: Counter[str | None] = Counter()
    projects: Counter[str | None] = Counter()
    late_count = 0
    for _, (_, user, project, new), late in placed(history, window):
        users[user] += new
        projects[project] += new
        late_count += new * late
    assert (takings.users, takings.projects) == (users, projects)
    assert takings.late == late_count


@given(history=histories(users_max=60), window=st.sampled_from(Window))
def test_of_many_users_each_has_a_lower_bound(history: list[Taken], window: Window) -> None:
    """Never more than was taken, and never less by more than the share that the bound allows."""
    takers, now = takers_after(history)
    takings = takers.within(window, open_bucket=now)
    users: Counter[str | None] = Counter()
    for _, (_, user, _, new), _ in placed(history, window):
        users[user] += new
    missed = users.total() / (min(TAKERS_MAX) + 1)
    assert all(0 < amount <= users[user] for user, amount in takings.users.items())
    assert all(amount - takings.users.get(user, 0) <= missed for user, amount in users.items())


@given(history=histories(users_max=5), window=st.sampled_from(Window))
def test_samples_are_the_largest_of_the_window(history: list[Taken], window: Window) -> None:
    """By size, the newer one first of two as large; of all users, and of each."""
    takers, now = takers_after(history)
    sizes = Counter(
        {number: taken[3] for number, taken, _ in placed(history, window)},
    )
    expected = sorted(sizes.values(), reverse=True)[:SAMPLES_PER_TAKER]
    samples = takers.samples(window, open_bucket=now)
    assert [new for _, new, _ in samples[:SAMPLES_PER_TAKER]] == expected
    assert all(sizes[int(event_id[2:])] == new for _, new, event_id in samples)
    for user in {taken[1] for _, taken, _ in placed(history, window)}:
        of_user = sorted(
            (taken[3] for _, taken, _ in placed(history, window) if taken[1] == user), reverse=True
        )
        own = [new for name, new, _ in samples if name == user]
        assert own[:SAMPLES_PER_TAKER] == of_user[:SAMPLES_PER_TAKER]


@given(history=histories(users_max=60), cut=st.integers(0, 40))
def test_restored_takers_go_on_as_if_nothing_had_happened(history: list[Taken], cut: int) -> None:
    """A restart at any place changes no byte of the state."""
    lasting, restarted, now = Takers(TakersState()), Takers(TakersState()), -1
    for number, (bucket, user, project, new) in enumerate(history):
        now = max(now, bucket)
        if number == cut:
            raw = msgspec.msgpack.encode(restarted.state)
            restarted = Takers(msgspec.msgpack.decode(raw, type=TakersState))
        for takers in (lasting, restarted):
            takers.add(
                bucket, open_bucket=now, user=user, project=project, new=new, event_id=str(number)
            )
    assert msgspec.msgpack.encode(lasting.state) == msgspec.msgpack.encode(restarted.state)


# Of one window the majority comes to somebody whose samples have gone before.
_SHIFTS_LATE = 199_120_803


def right_samples(seed: int) -> list[bool]:
    """Return for each window, after a month of six busy users, whether its samples are right."""
    chance = Random(seed)
    users: list[str | None] = [None, *(f"u-{number}" for number in range(5))]
    weights = [chance.random() ** 3 for _ in users]
    history: list[Taken] = []
    bucket = 0
    for _ in range(600):
        bucket += chance.choice((0, 0, 1, 5, 30))
        size = max(1, round(chance.paretovariate(0.7) * 10))
        history.append((bucket, chance.choices(users, weights)[0], None, min(size, 50_000)))
    takers, now = takers_after(history)
    assert len(takers.state.samples) <= SAMPLES_MAX
    right = []
    for window in Window:
        inside = [taken for _, taken, _ in placed(history, window)]
        samples = takers.samples(window, open_bucket=now)
        amounts: Counter[str | None] = Counter()
        for _, user, _, new in inside:
            amounts[user] += new
        user, most = amounts.most_common(1)[0]
        taker = user if 2 * most >= amounts.total() else ANYBODY
        expected = sorted(
            (new for _, who, _, new in inside if taker in {who, ANYBODY}), reverse=True
        )
        stated = [new for who, new, _ in samples if taker in {who, ANYBODY}]
        right.append(stated[:SAMPLES_PER_TAKER] == expected[:SAMPLES_PER_TAKER])
    return right


def test_of_too_many_samples_those_of_whoever_took_most_are_kept() -> None:
    """Each window still has the three largest of its majority, but for a few that shift late.

    Who is the majority of a later window cannot be known when there are too many samples.
    """
    right = [each for seed in (*range(60), _SHIFTS_LATE) for each in right_samples(seed)]
    assert right.count(False) <= 0.01 * len(right)
