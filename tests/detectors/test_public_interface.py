"""The public interface of the core: what is named is there, and nothing is loaded for a name."""

import subprocess
import sys

import pytest

import detectors


def test_every_public_name_is_there() -> None:
    """And stands in the table that says from which module it comes."""
    assert sorted(dir(detectors)) == sorted(detectors.__all__)
    assert [name for name in detectors.__all__ if not hasattr(detectors, name)] == []


def test_what_is_not_public_is_refused_by_name() -> None:
    """As any module does it."""
    with pytest.raises(AttributeError, match="module 'detectors' has no attribute 'guess'"):
        getattr(detectors, "guess")  # noqa: B009 - mypy knows that it is not there.


def test_a_part_of_the_core_is_imported_without_the_whole() -> None:
    """So that a command that judges nothing starts at once."""
    code = "import sys, detectors.errors; print('detectors.pipeline' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "False\n"
