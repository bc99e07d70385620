"""What is allowed and rarely meant is said, and nothing else."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.config import command
from streams.settings.odd_values import odd_values
from streams.settings.settings import ConfigFile, parse_config

ODD = [
    ("baseline.settling_days", "[baseline]\nsettling_days = 0"),
    ("reference.settling_days", "[reference]\nsettling_days = 0"),
    ("cohort.id_space", '[cohort]\nid_space = "project"'),
    ("decode.future_seconds_max", "[decode]\nfuture_seconds_max = 0"),
    ("worker.dead_letter_ratio_max", "[worker]\ndead_letter_ratio_max = 1.0"),
    ("response.throttle_confidence", "[response]\nthrottle_confidence = 0.0"),
    ("response.suspend_confidence", "[response]\nsuspend_confidence = 0.5"),
    ("response.suspend_risk", "[response]\nsuspend_risk = 0.005"),
    ("response.blast_radius_ratio", "[response]\nblast_radius_ratio = 1.0"),
    ("response.cool_down_seconds", "[response]\ncool_down_seconds = 0"),
    ("response.false_positive_factor", "[response]\nfalse_positive_factor = 1.0"),
    ("response.keys", '[response.modes]\nsuspend = "approve"'),
    ("response.keys", '[response.jurisdictions.uk]\nthrottle = "automatic"'),
    ("metrics.institutions_labelled_max", "[metrics]\ninstitutions_labelled_max = 0"),
]


def check(path: Path, *options: str) -> str:
    """Return what `headgate config check` says of a file that can be used."""
    done = CliRunner().invoke(command, ["check", "--config", str(path), *options])
    assert done.exit_code == 0
    return done.stdout


def test_the_defaults_are_not_odd() -> None:
    """Nobody is warned of what nobody has changed."""
    assert list(odd_values(ConfigFile())) == []


@pytest.mark.parametrize(("path", "text"), ODD)
def test_an_odd_value_is_named_by_its_key(path: str, text: str) -> None:
    """Alone: one odd value is one warning."""
    assert [odd.path for odd in odd_values(parse_config(text, name="odd.toml"))] == [path]


def test_a_confidence_of_nothing_is_odd_twice() -> None:
    """It lets everything through, and it is below that of the lower rung."""
    file = parse_config("[response]\nsuspend_confidence = 0.0", name="odd.toml")
    assert [odd.path for odd in odd_values(file)] == ["response.suspend_confidence"] * 2


def test_config_check_warns_and_finds_no_mistake(tmp_path: Path) -> None:
    """An odd value may be meant, so the exit code is that of a good file."""
    path = tmp_path / "headgate.toml"
    path.write_text("[response]\nblast_radius_ratio = 1.0\n")
    warning = "1: the guard never holds anything, whatever goes wrong"
    assert check(path).splitlines() == [
        f"warning: response.blast_radius_ratio: {warning}",
        f"{path}: no mistakes found",
    ]
    assert json.loads(check(path, "--json"))["warnings"] == [
        {"path": "response.blast_radius_ratio", "warning": warning}
    ]
