"""A checkpoint is worth carrying out if anything is in it."""

import pytest

from streams.state.phases import Checkpoint, Phase, Write


def test_an_empty_checkpoint_is_none() -> None:
    """An idle worker does nothing."""
    assert not Checkpoint[str](0)


@pytest.mark.parametrize("phase", Phase)
def test_one_write_of_any_phase_is_something_to_do(phase: Phase) -> None:
    """However it came there."""
    checkpoint = Checkpoint[str](0)
    checkpoint.writes[phase].append(Write(0, b"key", None))
    assert checkpoint


def test_an_output_or_a_position_alone_is_something_to_do() -> None:
    """An alert on its way, or a partition that moved without an event of ours."""
    with_output, with_position = Checkpoint[str](0), Checkpoint[str](0)
    with_output.outputs.append("an alert")
    with_position.commits[0] = 11
    assert with_output
    assert with_position
