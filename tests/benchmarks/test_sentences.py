"""Every number of every sentence is that of the raw events."""

from benchmarks.sentences.__main__ import evaluated

ALERTS_COUNT = 24


def test_no_number_of_a_sentence_is_wrong() -> None:
    """Recounted by definition, over thefts in a world in which much bears no user's name."""
    numbers = list(evaluated(ALERTS_COUNT, institutions=24, days=90, seed=4_000))
    assert [(alert.sentence, number) for alert, number in numbers if not number.right] == []
    whats = {number.what for _, number in numbers}
    stated = {"new_participants", "share", "holds", "ahead", "user", "user share", "own taking"}
    assert stated | {"project", "project share", "first time", "last time", "events"} <= whats
