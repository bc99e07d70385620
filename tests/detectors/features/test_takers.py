"""Who took how much of each window, when many takers have come and gone."""

import pytest

from detectors.features.samples import Sample, TakenWithin, likeliest
from detectors.features.takers import Takers, TakersState
from detectors.features.windows import BUCKETS_PER_DAY, Window


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
