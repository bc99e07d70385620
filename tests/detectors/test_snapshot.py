import msgspec
import pytest

from detectors.config import CoreConfig
from detectors.errors import StateError
from detectors.event import AccessEvent, Participants
from detectors.pipeline import Profile, judge, open_profile
from detectors.snapshot import SCHEMA, dump, load

CONFIG = CoreConfig()
MINUTE_MS = 60_000
START_MS = 1_767_225_600_000


def north() -> Profile:
    """Return a profile with a base holding."""
    profile = open_profile("north", config=CONFIG)
    participants = Participants(ranges=[(0, 9_999)])
    event = AccessEvent(
        id="e", time=START_MS, institution="north", dataset="imaging", participants=participants
    )
    judge(profile, event)
    return profile


def test_a_damaged_state_is_refused() -> None:
    """Torn bytes are never taken for an empty state."""
    main = dump(north()).main
    with pytest.raises(StateError, match="the state is damaged"):
        load(main[: len(main) // 2], parts={}, config=CONFIG)
    with pytest.raises(StateError, match="the state is damaged"):
        load(b"", parts={}, config=CONFIG)


def test_a_state_of_another_schema_is_refused() -> None:
    """A newer worker's state is not guessed at."""
    main = dump(north()).main.replace(b"\xa6schema" + bytes([SCHEMA]), b"\xa6schema\x63", 1)
    with pytest.raises(StateError, match=f"has schema 99; this version reads {SCHEMA}"):
        load(main, parts={}, config=CONFIG)


def test_a_state_from_before_configurations_were_pushed_is_under_the_file() -> None:
    """An upgrade judges on from where the version before has stopped."""
    snapshot = dump(north())
    old = msgspec.msgpack.decode(snapshot.main)
    del old["profile"]["config_sequence"]
    profile = load(msgspec.msgpack.encode(old), parts=snapshot.parts, config=CONFIG)
    assert dump(profile) == snapshot


def test_a_missing_part_is_refused() -> None:
    """Without a part nobody knows who is held: that is an error, not an empty holding."""
    snapshot = dump(north())
    assert len(snapshot.parts) == 1
    with pytest.raises(StateError, match=r"needs part '.*imaging@1', which is missing"):
        load(snapshot.main, parts={}, config=CONFIG)


def test_a_damaged_part_is_refused() -> None:
    """A part that is no bitmap is an error."""
    snapshot = dump(north())
    damaged = dict.fromkeys(snapshot.parts, b"\x01")
    with pytest.raises(StateError, match=r"the holdings of '.*imaging@1' are damaged"):
        load(snapshot.main, parts=damaged, config=CONFIG)


def test_known_parts_are_left_out() -> None:
    """A checkpoint writes a base once, and afterwards the recent people only."""
    profile = north()
    whole = dump(profile)
    assert dump(profile, known=frozenset(whole.parts)).parts == {}


def test_a_busy_institution_fits_the_bound() -> None:
    """Ten users, two projects, five datasets, a full dedupe window, 120 days: below 32 kB."""
    profile = open_profile("north", config=CONFIG)
    for number in range(12_000):
        first = (number * 7_919) % 480_000
        event = AccessEvent(
            id=f"5f0e8a7c-2b1d-4c3e-9f6a-{number:012d}",
            time=START_MS + number * 15 * MINUTE_MS,
            institution="north",
            user=f"user-{number % 10:08d}@north.example.org",
            project=f"project-{number % 2}",
            dataset=f"dataset-{number % 5}",
            bytes=1_000_000 + number,
            rows=number,
            participants=Participants(ranges=[(first, first + 12)]),
        )
        judge(profile, event)
    holdings = profile.ledger.state.holdings.values()
    bitmaps = sum(len(holding.recent.serialize()) for holding in holdings)
    bitmaps += len(profile.ledger.state.today.serialize())
    assert len(dump(profile).main) - bitmaps < 32_768
    assert sum(len(part) for part in dump(profile).parts.values()) < 5 * 70_000


def test_names_without_end_do_not_let_the_state_grow() -> None:
    """Thousands of users, projects and datasets, each with the longest name, stay bounded."""
    profile = open_profile("north", config=CONFIG)
    sizes = []
    for number in range(7_500):
        name = f"{number:04d}" + "\N{SNOWMAN}" * 124
        event = AccessEvent(
            id=name,
            time=START_MS + number * MINUTE_MS,
            institution="north",
            user=name,
            project=name,
            dataset=name + name,
            participants=Participants(ids=[number]),
        )
        judge(profile, event)
        if number % 1_500 == 1_499:
            sizes.append(len(dump(profile).main))
    assert sizes[-1] < 600_000
    assert sizes[-1] - sizes[-2] < 5_000


def test_a_dump_changes_nothing() -> None:
    """However often a state is saved in the middle of an hour, what is judged stays the same."""
    once, often = north(), north()
    for minute in range(1, 130, 7):
        first = 20_000 + 500 * minute
        event = AccessEvent(
            id=f"e-{minute}",
            time=START_MS + minute * MINUTE_MS,
            institution="north",
            dataset="imaging",
            participants=Participants(ranges=[(first, first + 399)]),
        )
        before = dump(often)
        assert dump(often) == before
        assert judge(often, event) == judge(once, event)
    assert dump(often) == dump(once)


def test_a_damaged_state_of_a_detector_is_refused_by_its_name() -> None:
    """What one detector remembers is checked like the rest."""
    saved = msgspec.msgpack.decode(dump(north()).main)
    saved["detectors"]["drip"] = {"surplus_participants": "many"}
    with pytest.raises(StateError, match="the state of detector 'drip' is damaged"):
        load(msgspec.msgpack.encode(saved), parts=dump(north()).parts, config=CONFIG)


def test_what_a_detector_that_is_gone_remembered_is_dropped() -> None:
    """And a detector that is new begins anew: neither needs another schema."""
    snapshot = dump(north())
    saved = msgspec.msgpack.decode(snapshot.main)
    saved["detectors"]["gone"] = {"sum": 1}
    del saved["detectors"]["volume"]
    profile = load(msgspec.msgpack.encode(saved), parts=snapshot.parts, config=CONFIG)
    assert sorted(profile.detector_states) == [
        "differencing",
        "drip",
        "multivariate",
        "unreadable",
        "volume",
    ]
    assert dump(profile) == snapshot
