"""An amount that is given twice is seen, however a message is written."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detectors.event import AccessEvent
from streams.ingest.repeated import may_repeat_an_amount

_decode = msgspec.json.Decoder(AccessEvent).decode
# In pairs of key and JSON, as a document may have them twice.
NEEDED = [("id", '"e"'), ("institution", '"i"'), ("dataset", '"bytes"')]
TIMES = st.sampled_from(["0", '"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00.5+02:00"'])
OTHERS = st.sampled_from(
    [
        ("bytes", "0"),
        ("bytes", "9"),
        ("rows", "7"),
        ("files", "1"),
        ("user", "null"),
        ("client", '"http://x"'),
        ("unknown", '{"a":{}}'),
    ]
)
WAYS = st.sampled_from(
    [
        ("ids", "[1,2]"),
        ("ids", "null"),
        ("ranges", "[[1,2]]"),
        ("count", "3"),
        ("bitmap", '"AAAA"'),
        ("unknown", "{}"),
    ]
)
SPACES = st.sampled_from(["", " ", "\n"])


def document(members: list[tuple[str, str]], space: str) -> str:
    """Return a JSON object of some members, each as often as it is given."""
    return "{" + f",{space}".join(f'"{key}"{space}:{space}{text}' for key, text in members) + "}"


@given(
    time=TIMES,
    others=st.lists(OTHERS, max_size=5),
    people=st.lists(st.lists(WAYS, max_size=3), max_size=2),
    space=SPACES,
    order=st.randoms(use_true_random=False),
)
def test_a_repeat_is_seen_in_any_order_and_spacing(
    time: str,
    others: list[tuple[str, str]],
    people: list[list[tuple[str, str]]],
    space: str,
    order: random.Random,
) -> None:
    """Whatever else is in the message: null, zero, an unknown key, a text that is a key's name."""
    members = [*NEEDED, ("time", time), *others]
    members += [("participants", document(ways, space)) for ways in people]
    order.shuffle(members)
    raw = document(members, space).encode()
    names = [name for name, _ in members if name in {"bytes", "rows", "files", "participants"}]
    ways = [name for each in people for name, _ in each if name != "unknown"]
    if len(set(names)) < len(names) or len(set(ways)) < len(ways):
        assert may_repeat_an_amount(raw, _decode(raw))
