"""Step 1 of 7: the spelling of an institution's name -> who is meant: one institution, one judge.

Whoever could be spelt in five ways would have five judges, each with a fifth of what was taken. So
names are compared by their identity: in compatibility form (NFKC), folded in case, blanks trimmed
and run together, without characters that nobody sees, and with each look-alike of another script
as the character that it looks like. ASCII characters stand for themselves: `l` is never `1`. What
people are shown is the first spelling.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

from msgspec.structs import replace

from detectors.event import AccessEvent
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.ingest.repairs import RepairReason

# A platform has hundreds of institutions; who invents names only makes them be worked out anew.
_NAMES_CACHED_MAX: Final = 65_536
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs"})
# Shown as nothing, though Unicode counts them as letters or marks: fillers, variation selectors.
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_VARIATION_SELECTORS: Final = (
    range(0x180B, 0x1810),
    range(0xFE00, 0xFE10),
    range(0xE0000, 0xE1000),
)
# Of a letter that has a dot already: nobody sees a second one, which a Turkish capital folds to.
_SECOND_DOTS: Final = re.compile("(?<=[ij])\u0307+")
# A letter composed with its mark is seldom a look-alike again.
_COMPOSED_MAX: Final = 4
_LEFT_TO_RIGHT_MARK: Final = "\u200e"


@lru_cache(_NAMES_CACHED_MAX)
def identity_of(name: str) -> str:
    """Return what is compared of an institution's name; empty where nothing of it can be seen.

    >>> spellings = ("Uni-Bern", " uni-bern ", "uni\N{ZERO WIDTH SPACE}-bern", "uni-b\u0435rn")
    >>> {identity_of(spelling) for spelling in spellings}
    {'uni-bern'}
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.lower().split())
    folded = _folded(name)
    return folded if folded.isascii() else _without_look_alikes(folded)


@lru_cache(_NAMES_CACHED_MAX)
def name_repairs(name: str) -> tuple[RepairReason, ...]:
    """Return what is to be told of a spelling: unseen characters, look-alikes of other scripts."""
    repairs = []
    if seen(name) != name:
        repairs.append(RepairReason.NAME_CLEANED)
    folded = _folded(name)
    looks_latin = any(character.isascii() and character.isalpha() for character in folded)
    alike = folded if folded.isascii() else _without_look_alikes(folded)
    if alike != folded and (looks_latin or alike.isascii()):
        repairs.append(RepairReason.NAME_LOOK_ALIKE)
    return tuple(repairs)


def seen(name: str) -> str:
    r"""Return what can be seen of a name: no control, format or filling character.

    >>> seen("uni\t\N{ZERO WIDTH SPACE}bern")
    'uni bern'
    """
    shown = (" " if character.isspace() else character for character in name)
    return "".join(character for character in shown if not _is_unseen(character))


def with_seen_name(event: AccessEvent) -> AccessEvent | Rejected:
    """Return the event with what can be seen of its institution's name, and what was mended in it.

    An unseen character does not cost the event: it would be the thief's way out of the watch.
    """
    name = event.institution
    if not identity_of(name):
        detail = f"expected an institution's name, got only what cannot be seen: {name!r}"
        return rejected(RejectReason.OUT_OF_RANGE, detail)
    repairs = name_repairs(name)
    if not repairs:
        return event
    counts = dict.fromkeys((repair.value for repair in repairs), 1)
    # Read again, as after keying anew, it says the same once.
    return replace(event, institution=seen(name), repairs=(event.repairs or {}) | counts)


def _folded(name: str) -> str:
    normal = unicodedata.normalize("NFKC", seen(name)).casefold()
    normal = _SECOND_DOTS.sub("", normal)
    # Folding may take the normal form apart.
    return " ".join(unicodedata.normalize("NFKC", seen(normal)).split())


def _is_unseen(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return (
        unicodedata.category(character) in _UNSEEN_CATEGORIES
        or character in _FILLERS
        or any(ord(character) in selectors for selectors in _VARIATION_SELECTORS)
    )


def _without_look_alikes(folded: str) -> str:
    """Return a folded name in which look-alikes are one; marks may compose with what they are."""
    for _ in range(_COMPOSED_MAX):
        alike = _folded(folded.translate(_look_alikes()))
        if alike == folded:
            break
        folded = alike
    return folded


@cache
def _look_alikes() -> dict[int, str]:
    """Return for each look-alike beyond ASCII what stands for its kind, ASCII where it can.

    Built from Unicode's table of confusable characters. What looks like two characters together,
    as many letters with strokes do, stays what it is.
    """
    # Not before: nearly every name is ASCII, and the table is a megabyte.
    from confusable_homoglyphs.confusables import confusables_data  # noqa: PLC0415 - as above

    kinds: dict[str, set[str]] = {}
    for written, alike in confusables_data.items():
        # The table puts marks of direction around what is written from right to left.
        texts = [written, *(glyph["c"] for glyph in alike)]
        characters = [text.strip(_LEFT_TO_RIGHT_MARK) for text in texts]
        folded = [each for each in characters if len(each) == 1 and _folded(each) == each]
        if folded[:1] == characters[:1]:
            kind = set[str]().union(*(kinds.get(each, {each}) for each in folded))
            kinds |= dict.fromkeys(kind, kind)
    return {
        ord(character): min(kind, key=_preference)
        for character, kind in kinds.items()
        if not character.isascii()
    }


def _preference(character: str) -> tuple[bool, bool, str]:
    """Return a key by which small ASCII letters come first, then ASCII, then the rest in order."""
    return (
        not (character.isascii() and character.islower()),
        not character.isascii(),
        character,
    )
