"""What people read of a mistake in a file, made from what msgspec says: it still says it so."""

import msgspec
import pytest

from streams.config_errors import WORDS
from streams.settings.settings import ConfigFile

# A document of which msgspec speaks by each of the words that are translated.
MISTAKES: dict[str, dict[str, object]] = {
    "`object`": {"kafka": 3},
    "`array`": {"detectors": {"multivariate": {"models": "none"}}},
    "`str`": {"kafka": {"bootstrap": 3}},
    "`int`": {"kafka": {"partitions": "four"}},
    "`float`": {"checkpoint": {"interval_seconds": "few"}},
    "`bool`": {"kafka": {"security": {"tls": "yes"}}},
    "`datetime` with a timezone component": {"decode": {"earliest": "2026-04-01T12:00:00"}},
    "`datetime`": {"decode": {"earliest": 3.5}},
}


@pytest.mark.parametrize("word", WORDS)
def test_each_word_that_is_translated_is_still_said(word: str) -> None:
    """A translation that nothing matches would show people Python's names of types."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(MISTAKES[word], ConfigFile)
    assert word in str(refused.value)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"kafka": {"partitons": 4}}, "unknown field `partitons`"),
        ({"mapping": {"name": "log"}}, "missing required field `"),
        ({"response": {"modes": {"suspend": "maybe"}}}, "enum value"),
        ({"kafka": {"partitions": 0}}, " - at `$.kafka.partitions`"),
        ({"kafka": {"partitions": "four"}}, ", got `"),
    ],
)
def test_each_part_that_is_searched_for_is_still_said(
    document: dict[str, object], part: str
) -> None:
    """By it the path, the key and the allowed values are known."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(document, ConfigFile)
    assert part in str(refused.value)
