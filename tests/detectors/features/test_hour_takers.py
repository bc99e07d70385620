"""Who took how many bytes of an hour, and with which requests."""

from detectors.features.hour_takers import UNNAMED, HourTakers, note_bytes
from tests.builders import event


def noted(*requests: tuple[str | None, int]) -> HourTakers:
    """Return an hour of requests, each by a user and of so many bytes, named in their order."""
    takers = HourTakers()
    for number, (user, size) in enumerate(requests):
        note_bytes(takers, event(id=f"e-{number}", user=user, bytes=size))
    return takers


def test_bytes_add_up_by_user_and_nobody_named_is_one_of_them() -> None:
    """Each request counts once, whoever made it."""
    takers = noted(("ada", 5), (None, 7), ("ada", 6), (None, 1), ("ben", 2))
    assert takers.users == {"ada": 11, UNNAMED: 8, "ben": 2}


def test_the_three_largest_requests_of_each_user_are_remembered() -> None:
    """The largest first; of equals whoever came first. So nobody's large ones hide another's."""
    takers = noted(("ada", 5), (None, 7), ("ben", 5), ("ben", 6), ("ada", 5), ("ada", 4))
    assert takers.samples["ada"] == [(5, "e-0"), (5, "e-4"), (4, "e-5")]
    assert takers.largest()[:3] == [(UNNAMED, "e-1"), ("ben", "e-3"), ("ada", "e-0")]
    small = noted(*[("ada", 2)] * 9, ("ben", 4), (None, 3), ("ben", 3))
    assert [event_id for user, event_id in small.largest() if user == "ada"] == [
        "e-0",
        "e-1",
        "e-2",
    ]


def test_a_larger_request_takes_the_place_of_the_smallest() -> None:
    """And stands among the others by its size; of equals whoever came first goes first."""
    sizes = [5, 9, 7, 6, 7, 7, 2]
    own = noted(*(("ada", size) for size in sizes)).samples["ada"]
    assert own == [(9, "e-1"), (7, "e-2"), (7, "e-4")]
    assert noted(*(("ada", size) for size in [5, 9, 7, 8])).samples["ada"] == [
        (9, "e-1"),
        (8, "e-3"),
        (7, "e-2"),
    ]


def test_of_many_users_those_who_took_most_have_their_requests_remembered() -> None:
    """Of up to 32; when one more comes, of the half that took most."""
    many = [(f"u{number:02d}", 10 + number) for number in range(32)]
    assert set(noted(*many).samples) == {name for name, _ in many}
    assert set(noted(*many, ("late", 40)).samples) == {name for name, _ in many[17:]} | {"late"}


def test_of_many_users_the_heavy_ones_are_kept() -> None:
    """Up to 64 exactly; one more takes from all what the least have."""
    many = [(f"u{number}", 10 + number) for number in range(64)]
    assert noted(*many).users == dict(many)
    more = noted(*many, ("late", 15)).users
    assert more == {name: size - 10 for name, size in [*many[1:], ("late", 15)]}


def test_the_requests_of_whoever_is_too_small_to_be_known_are_the_first_to_go() -> None:
    """Whatever little is known of others."""
    known, unknown = ([f"{letter}{number}" for number in range(10, 26)] for letter in "au")
    takers = HourTakers(
        users=dict.fromkeys(known, 1), samples={name: [(1, name)] for name in (*unknown, *known)}
    )
    note_bytes(takers, event(id="late", user="late", bytes=5))
    assert set(takers.samples) == {"late", *known[1:]}
