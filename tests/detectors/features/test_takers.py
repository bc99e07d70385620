"""Who took how much of each window, when many takers have come and gone."""

import pytest

from detectors.features.samples import (
    SAMPLES_MAX,
    Name,
    Sample,
    TakenWithin,
    likeliest,
    with_sample,
)
from detectors.features.takers import Takers, TakersState, begins_of, count_bounded
from detectors.features.windows import (
    BUCKET_MS,
    BUCKETS_PER_DAY,
    BUCKETS_PER_HOUR,
    HOURS_PER_DAY,
    MONTH_DAYS,
    Window,
)


def take(takers: Takers, user: str, bucket: int) -> None:
    """Count one new participant of a user, now, in an event of the user's name."""
    takers.add(bucket, open_bucket=bucket, user=user, project=None, new=1, event_id=user)


@pytest.mark.parametrize("restarted", [False, True])
def test_whoever_is_in_no_window_any_more_is_forgotten(*, restarted: bool) -> None:
    """One taker a day, and one who comes late: names are bounded, and the rest keep theirs."""
    takers = Takers(TakersState())
    for day in range(200):
        now = day * BUCKETS_PER_DAY
        for bucket, name, new in ((now, f"u-{day}", day + 2), (now - 10**5, "late", 1)):
            takers.add(
                bucket, open_bucket=now, user=name, project=f"of {name}", new=new, event_id=name
            )
        if restarted:
            takers = Takers(takers.state)
        last = range(max(0, day - 29), day + 1)
        takings = takers.within(Window.MONTH, open_bucket=now)
        users = {f"u-{each}": each + 2 for each in last} | {"late": len(last)}
        assert takings.users == users
        assert takings.projects == {f"of {name}": new for name, new in users.items()}
        assert takings.late == len(last)
        user, new, event_id = takers.samples(Window.MONTH, open_bucket=now)[0]
        assert (user, new, event_id) == (f"u-{day}", day + 2, f"u-{day}")
        assert len(takers.state.names) < 64


def test_of_as_worthy_samples_the_newest_are_kept() -> None:
    """Also of whoever took too little to be known."""
    samples = [Sample(bucket=place, new=1, taker=0, event_id=str(place)) for place in range(60)]
    window = TakenWithin(first=100, unit_buckets=1, users={})
    assert likeliest(samples, [window], users=["ada"]) == samples[4:]
    samples[3].bucket = 100
    assert likeliest(samples, [window], users=["ada"]) == [samples[3], *samples[5:]]


@pytest.mark.parametrize("amounts", [{"ada": 9, "ben": 1}, {"ada": 1}])
@pytest.mark.parametrize("factor", [0, 37])
def test_of_two_users_the_samples_of_whoever_took_less_go_first(
    amounts: dict[Name, int], factor: int
) -> None:
    """The smallest of them, and the older ones of those that are as large."""
    samples = [
        Sample(bucket=place, new=place * factor % 61, taker=place % 2, event_id=str(place))
        for place in range(60)
    ]
    window = TakenWithin(first=0, unit_buckets=1, users=amounts)
    least = sorted(samples[1::2], key=lambda each: (each.new, each.bucket))[:4]
    expected = [each for each in samples if each not in least]
    assert likeliest(samples, [window], users=["ada", "ben"]) == expected


def test_no_more_is_kept_than_the_longest_window_of_each_size_asks_for() -> None:
    """Twelve times 5 minutes, a day of hours and a month of days, whatever has been taken."""
    takers = Takers(TakersState())
    for bucket in range((MONTH_DAYS + 3) * BUCKETS_PER_DAY):
        take(takers, "ada", bucket)
    state = takers.state
    lengths = (len(state.buckets), len(state.hours), len(state.days))
    assert lengths == (BUCKETS_PER_HOUR, HOURS_PER_DAY, MONTH_DAYS)


@pytest.mark.parametrize("into_the_day", [0, BUCKETS_PER_DAY - 1])
def test_the_first_day_of_a_month_is_in_it_as_a_whole(into_the_day: int) -> None:
    """Its first 5 minutes as well, at every time of the last day; what was before is not."""
    takers = Takers(TakersState())
    take(takers, "the day before", 0)
    take(takers, "the first", BUCKETS_PER_DAY)
    last = MONTH_DAYS * BUCKETS_PER_DAY + into_the_day
    take(takers, "the last", last)
    samples = takers.samples(Window.MONTH, open_bucket=last)
    assert [user for user, _, _ in samples] == ["the last", "the first"]
    assert [each.event_id for each in takers.state.samples] == ["the first", "the last"]


def test_what_is_forgotten_up_to_a_day_is_that_day_as_a_whole() -> None:
    """And nothing of the next: neither its first moments nor who took what in them."""
    takers = Takers(TakersState())
    for name, bucket in (("before", BUCKETS_PER_DAY - 1), ("after", BUCKETS_PER_DAY)):
        take(takers, name, bucket)
    takers.forget(last_day=0)
    for window in (Window.HOUR, Window.DAY, Window.MONTH):
        assert takers.within(window, open_bucket=BUCKETS_PER_DAY).users == {"after": 1}
    assert [each.event_id for each in takers.state.samples] == ["after"]


def test_as_many_samples_are_kept_as_there_is_room_for() -> None:
    """None has to go before there is one too many."""
    takers = Takers(TakersState())
    for number in range(SAMPLES_MAX):
        take(takers, f"u-{number}", 0)
    assert len(takers.state.samples) == SAMPLES_MAX
    take(takers, "one too many", 0)
    assert len(takers.state.samples) < SAMPLES_MAX


def test_names_are_looked_through_whenever_32_have_come() -> None:
    """Not at every new one: that would cost as much as all else."""
    takers = Takers(TakersState())
    for day in range(32):
        take(takers, f"u-{day}", day * BUCKETS_PER_DAY)
        assert len(takers.state.names) == day + 1
    take(takers, "u-32", 32 * BUCKETS_PER_DAY)
    assert [user for user, _ in takers.state.names] == [f"u-{day}" for day in range(3, 33)]


def test_whoever_has_but_a_sample_left_keeps_the_name() -> None:
    """Of too many takers the small ones have no sum any more, and their events can be named."""
    takers = Takers(TakersState())
    for number in range(40):
        take(takers, f"u-{number:02d}", 0)
    samples = takers.samples(Window.DAY, open_bucket=0)
    assert sorted(samples) == [(f"u-{number:02d}", 1, f"u-{number:02d}") for number in range(40)]
    assert len(takers.within(Window.DAY, open_bucket=0).users) < 40


@pytest.mark.parametrize(
    ("smallest", "amount", "expected"),
    [
        (2, 3, {"ada": 7, "cleo": 1}),
        (3, 3, {"ada": 6}),
        (5, 3, {"ada": 6, "ben": 2}),
    ],
)
def test_of_too_many_takers_all_lose_what_the_smallest_has(
    smallest: int, amount: int, expected: dict[str, int]
) -> None:
    """Be that the one who comes, or one who was there; whoever has nothing left is not kept."""
    takers = {"ada": 9, "ben": smallest}
    count_bounded(takers, "cleo", amount, takers_max=2)
    assert takers == expected


def test_a_window_begins_with_the_first_of_its_units() -> None:
    """5 minutes with themselves; an hour eleven of them before."""
    begins = [begins_of(window, 301) for window in (Window.MINUTES_5, Window.HOUR)]
    assert begins == [301 * BUCKET_MS, 290 * BUCKET_MS]


def test_an_event_is_outdone_by_three_that_are_later_and_as_large() -> None:
    """Not by those of its own 5 minutes that came before it; the oldest goes first."""
    three = [Sample(bucket=10, new=new, taker=0, event_id=f"e-{new}") for new in (9, 8, 7)]
    samples: list[Sample] = []
    for sample in three:
        samples = with_sample(samples, sample)
    samples = with_sample(samples, Sample(bucket=1, new=7, taker=0, event_id="outdone"))
    assert [each.event_id for each in samples] == ["e-9", "e-8", "e-7"]
    samples = with_sample(samples, Sample(bucket=10, new=6, taker=0, event_id="beside"))
    assert [each.event_id for each in samples] == ["e-9", "e-8", "e-7", "beside"]
    late = with_sample([three[0]], Sample(bucket=1, new=1, taker=0, event_id="late"))
    assert [each.event_id for each in late] == ["late", "e-9"]


def test_what_comes_too_late_for_a_sum_is_not_in_it() -> None:
    """Nor is it kept there until the next one looks."""
    takers = Takers(TakersState())
    takers.add(
        100 - BUCKETS_PER_HOUR, open_bucket=100, user="ada", project=None, new=1, event_id="late"
    )
    assert (len(takers.state.buckets), len(takers.state.hours)) == (0, 1)
