"""Numbers as people read them: counts, shares, spans and moments. Always UTC, never locale."""

from typing import Final

from detectors.instants import SECOND_MS, instant_of

_SPAN_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
# From here on nobody reads a tenth.
_WHOLE_MIN: Final = 1_000

IDS_APART: Final = (
    "ids are each project's own (cohort.id_space) and there is no cohort.bridge: holdings are kept "
    "by project, rings of institutions are not looked for, and canary and sweep are left out"
)


def printable(text: str) -> str:
    r"""Return a text in which what is no letter, sign or space is written as its escape.

    Names come from whoever sends events: none of them may move a cursor, turn the direction of
    reading, or begin a line of its own.

    >>> printable("Zürich\x1b[2J\u2028")
    'Zürich\\x1b[2J\\u2028'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def number(value: float) -> str:
    """Return a number with thousands separated, and decimals only where they say something.

    >>> number(41200), number(3.14159), number(0.0042), number(12.0), number(28741.96)
    ('41,200', '3.1', '0.0042', '12', '28,742')
    """
    if value == int(value) or abs(value) >= _WHOLE_MIN:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:,.1f}"
    return f"{value:.2g}"


def moment(at_ms: int) -> str:
    """Return an event time to the second.

    >>> moment(1_700_000_000_123)
    '2023-11-14 22:13:20 UTC'
    """
    return instant_of(at_ms).strftime("%Y-%m-%d %H:%M:%S UTC")


def minute(at_ms: int) -> str:
    """Return an event time to the minute.

    >>> minute(1_773_223_560_000)
    '2026-03-11 10:06 UTC'
    """
    return instant_of(at_ms).strftime("%Y-%m-%d %H:%M UTC")


def span(duration_ms: float) -> str:
    """Return a duration in its two largest units.

    >>> span(7_800_000), span(86_400_000 * 60), span(4_200), span(0)
    ('2 h 10 min', '60 d', '4 s', '0 s')
    """
    left_seconds = int(abs(duration_ms) // SECOND_MS)
    words: list[str] = []
    for name, unit_seconds in _SPAN_UNITS:
        count, left_seconds = divmod(left_seconds, unit_seconds)
        if count:
            words.append(f"{count} {name}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"


def probability(p_value: float) -> str:
    """Return a tail probability as odds, which people read better than exponents.

    >>> probability(0.2), probability(0.0004), probability(1e-12)
    ('1 in 5', '1 in 2,500', 'under 1 in a billion')
    """
    if p_value <= 1e-9:  # noqa: PLR2004 - the word in the sentence is the number
        return "under 1 in a billion"
    return f"1 in {round(1 / p_value):,}"


def plural(count: int, noun: str) -> str:
    """Return a counted noun.

    >>> plural(1, "alert"), plural(1200, "alert")
    ('1 alert', '1,200 alerts')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
