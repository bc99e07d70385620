"""One institution, one judge: however a name is spelt, the same identity comes of it."""

import unicodedata
from typing import Final, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import CohortConfig, CoreConfig
from detectors.event import AccessEvent
from detectors.register import Register
from detectors.verdict import RaiseAlert
from streams.ingest.codec import DecodeConfig, decode, decode_limits, encode
from streams.ingest.identity import identity_of
from streams.ingest.rejects import Rejected, RejectReason
from streams.replay.replay import Replay

COHORT: Final = CohortConfig(size=14_000)
LIMITS: Final = decode_limits(DecodeConfig(), COHORT)
SPELLINGS: Final = {
    "case": "UNI-Bern",
    "blanks around": "  uni-bern ",
    "zero-width space": "uni\u200b-bern",
    "joiner": "uni-be\u200drn",
    "byte order mark": "\ufeffuni-bern",
    "soft hyphen": "uni-\u00adbern",
    "variation selector": "uni\ufe0f-bern",
    "right to left": "\u202euni-bern",
    "control": "uni\x07-bern",
    "full width": "\uff35\uff4e\uff49-bern",
    "mathematical": "\U0001d42eni-bern",
    "cyrillic": "uni-b\u0435rn",
    "armenian": "u\u0578i-bern",
    "tag": "uni-bern\U000e0061",
    "turkish capital": "UN\u0130-BERN",
    "a dot on a dotted letter": "uni\u0307-bern",
    "dots on a cyrillic one": "un\u0456\u0307\u0307-bern",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_spellings_of_one_name_are_one_institution(spelling: str) -> None:
    """Whatever a name looks like to a person, it is one institution's."""
    assert identity_of(spelling) == "uni-bern"


@pytest.mark.parametrize(
    "names", [("zürich", "zurich"), ("inst-1", "inst-l"), ("северный", "южный"), ("αθήνα", "πάτρα")]
)
def test_names_that_a_person_can_tell_apart_stay_two(names: tuple[str, str]) -> None:
    """What looks different is different, in every script."""
    assert identity_of(names[0]) != identity_of(names[1])


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_normal_forms_are_one(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    """An umlaut may be written in one character or in two."""
    spelling = unicodedata.normalize(form, "Zürich Straße")
    assert identity_of(spelling) == identity_of("zürich strasse")


@given(st.text(min_size=1, max_size=12))
def test_an_identity_is_its_own(name: str) -> None:
    """What is keyed anew by its identity has the same identity."""
    assert identity_of(identity_of(name)) == identity_of(name)


@given(st.text(alphabet="abzü\u0435\u200b ", min_size=1, max_size=12))
def test_case_and_blanks_change_nothing(name: str) -> None:
    """A name in capitals, with blanks around it, is the same name."""
    assert identity_of(f" {name.upper()}\t") == identity_of(name)


def theft(names: list[str]) -> list[bytes]:
    """Return a theft of half a cohort in one hour, under these names in turn."""
    size = LIMITS.cohort_size // 2 // len(names)
    return [
        msgspec.json.encode(
            {
                "id": f"e-{number}",
                "time": 1_775_044_800_000 + number * 60_000,
                "institution": name,
                "dataset": "imaging",
                "participants": {"ranges": [[number * size, (number + 1) * size - 1]]},
            }
        )
        for number, name in enumerate(names)
    ]


def test_a_theft_is_not_split_by_spelling() -> None:
    """Every spelling is judged by the one judge, who is shown by the first."""
    names = list(SPELLINGS.values())
    events = [decode(line, LIMITS) for line in theft(names)]
    accepted = [event for event in events if isinstance(event, AccessEvent)]
    replay = Replay(CoreConfig(cohort=COHORT), register=Register())
    alerts = [e.alert for e in replay.effects(accepted) if isinstance(e, RaiseAlert)]
    assert list(replay.profiles) == ["uni-bern"]
    assert {alert.institution for alert in alerts} == {"UNI-Bern"}
    repairs = replay.profiles["uni-bern"].state.repairs
    assert repairs == {"name_cleaned": 8, "name_look_alike": 3}


@pytest.mark.parametrize("name", ["\u200b", " ", "\u2060\u00ad", "\u3164"])
def test_a_name_of_which_nothing_is_seen_names_nobody(name: str) -> None:
    """There is no one who could answer for it."""
    outcome = decode(theft([name])[0], LIMITS)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.OUT_OF_RANGE


def test_what_cannot_be_seen_is_not_shown_either() -> None:
    """A name that is printed does not turn the line around."""
    event = decode(theft(["a\u202eb\x1bc"])[0], LIMITS)
    assert isinstance(event, AccessEvent)
    assert (event.institution, event.repairs) == ("abc", {"name_cleaned": 1})
    assert decode(encode(event), LIMITS) == event
