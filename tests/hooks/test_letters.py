"""What a researcher reads: plain, complete, in their jurisdiction's words, and naming nobody."""

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from detectors.errors import ConfigError
from detectors.response.suspension import Suspension
from streams.hooks.delivery import delivery_of
from streams.texts.config import TextsConfig
from streams.texts.letter import Letter, Letters

DOCS = Path(__file__).parents[2] / "docs"
Make = Callable[..., Suspension]
# Without the comments that explain the placeholders.
ENGLISH = re.sub(r"(?m)^#.*$", "", files("streams.texts").joinpath("english.toml").read_text())
FRENCH = ENGLISH.replace('language = "en"', 'language = "fr"').replace(
    "Access to the data is paused for", "L'accès aux données est suspendu pour"
)


def english(suspension: Suspension) -> Letter:
    """Return the letter in the words that come with Headgate."""
    letter = Letters(TextsConfig()).letter(suspension)
    assert letter is not None
    return letter


def all_words(letter: Letter) -> str:
    """Return all words of a letter."""
    return "\n".join(str(part) for part in msgspec.structs.astuple(letter))


def test_a_letter_says_why_what_to_do_whom_to_write_to_and_when_it_ends(suspension: Make) -> None:
    """What an honest researcher who was stopped has a right to know."""
    letter = english(suspension())
    assert letter.title == "Access to the data is paused for your account"
    assert "north took 11,531 new participants in 1 h (expected 595)." in letter.reason
    assert "at 2026-03-11 10:06 UTC" in letter.reason
    assert "write to access@north.example, quote the case c0ffee" in letter.next_steps
    assert "write to access@north.example and quote the case c0ffee" in (letter.appeal or "")
    assert letter.ends == "The pause ends by itself at 2026-03-11 11:06 UTC."


@pytest.mark.parametrize("measure", ["suspend", "throttle"])
@pytest.mark.parametrize("scope", ["user", "project", "institution"])
@pytest.mark.parametrize("state", ["active", "released"])
@pytest.mark.parametrize("expires_ms", [None, 1_773_233_000_000])
@pytest.mark.parametrize("contact", [None, "someone@north.example"])
def test_no_letter_has_a_hole_or_names_a_user(
    suspension: Make, measure: str, scope: str, state: str, expires_ms: int | None, contact: object
) -> None:
    """Every placeholder is filled, whatever is known; the subject is whoever reads it."""
    change = suspension(
        measure=measure, scope=scope, state=state, expires_ms=expires_ms, contact=contact
    )
    words = all_words(english(change))
    assert re.findall(r"\$|\s{2,}\b(at|to) [.,]", words) == []
    assert "u-17" not in words


def test_a_pause_that_people_must_end_says_so(suspension: Make) -> None:
    """No date is better than one that will not hold."""
    letter = english(suspension(expires_ms=None, contact=None))
    assert letter.ends == "The pause lasts until your data-access committee ends it."


@pytest.mark.parametrize(
    "changes",
    [{"dry_run": True}, {"state": "requested", "started_ms": None}],
    ids=["a dry run", "a request"],
)
def test_nobody_is_written_to_who_is_not_stopped(
    suspension: Make, changes: dict[str, object]
) -> None:
    """A letter about what has not happened would be an accusation."""
    assert Letters(TextsConfig()).letter(suspension(**changes)) is None


def test_the_words_are_those_of_the_jurisdiction(suspension: Make, tmp_path: Path) -> None:
    """By its file; the others read the default. Each letter quotes the words it is written in."""
    path = tmp_path / "fr.toml"
    path.write_text(FRENCH)
    letters = Letters(TextsConfig(jurisdictions={"fr": str(path)}))
    french = letters.letter(suspension(jurisdiction="fr"))
    english = letters.letter(suspension(jurisdiction="uk"))
    assert french is not None
    assert english is not None
    assert french.title == "L'accès aux données est suspendu pour your account"
    assert (french.language, english.language) == ("fr", "en")
    assert french.words != english.words


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("$until", "$untli", r"suspend\.ends: unknown placeholder \$untli; expected one of \$case"),
        ("at $until", "at 5 $", r"suspend\.ends: a \$ begins a placeholder; expected \$\$"),
        ('appeal = "', 'apeal = "', r"suspend\.apeal: unknown key; did you mean appeal\?"),
        ('language = "en"', "language = 7", "language: expected a text, got an integer"),
        ("[scopes]", "[scopes", "expected TOML"),
    ],
    ids=["a typing error", "a dollar sign", "an unknown key", "a wrong type", "no TOML"],
)
def test_words_that_cannot_work_are_refused_with_the_place(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    """When the configuration is checked, not when somebody is stopped."""
    path = tmp_path / "words.toml"
    path.write_text(ENGLISH.replace(before, after, 1))
    with pytest.raises(ConfigError, match=problem) as caught:
        Letters(TextsConfig(default=str(path)))
    assert str(path) in str(caught.value)


def test_the_page_shows_the_letters_as_they_are_written(suspension: Make) -> None:
    """Whoever decides about the words reads what researchers will read."""
    page = " ".join((DOCS / "researcher.md").read_text().split())
    letters = [
        english(suspension()),
        english(suspension(measure="throttle", scope="institution", expires_ms=None, contact=None)),
        english(suspension(state="released", scope="project")),
    ]
    for letter in letters:
        parts = (letter.title, letter.reason, letter.next_steps, letter.appeal, letter.ends)
        assert [part for part in parts if part and part not in page] == []


def test_the_page_shows_every_key_that_is_delivered(suspension: Make) -> None:
    """Whoever writes a receiver sees all that it gets."""
    payload = re.search(r"```json\n(.*?)```", (DOCS / "hooks.md").read_text(), re.DOTALL)
    assert payload is not None
    data = msgspec.json.decode(payload[1])["data"]
    assert set(data) == {*Suspension.__struct_fields__, "letter"}
    assert set(data["letter"]) == set(Letter.__struct_fields__)
    assert data["letter"]["words"] == english(suspension()).words


def test_the_letter_is_put_into_the_cloudevent_and_nothing_else_is_touched(
    suspension: Make, record_value: Callable[[Suspension], bytes]
) -> None:
    """What the platform receives is the record of the topic, and what to tell the researcher."""
    change = suspension()
    value = record_value(change)

    class Stored:
        offset, timestamp, key, headers = 3, 0, b"", ()

    stored = Stored()
    stored.value = value  # type: ignore[attr-defined]
    letters = Letters(TextsConfig())
    delivery = delivery_of(stored, partition=0, letters=letters)  # type: ignore[arg-type]
    assert delivery is not None
    delivered = msgspec.json.decode(delivery.body)
    assert delivered["data"].pop("letter") == msgspec.to_builtins(letters.letter(change))
    assert delivered == msgspec.json.decode(value)
    assert (delivery.id, delivery.institution, delivery.offset) == ("c0ffee.1", "north", 3)
