"""What is allowed and rarely meant is said, and nothing else."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.config import command
from streams.settings.odd_values import odd_values
from streams.settings.settings import ConfigFile, parse_config

BUDGET = "budget.false_alert_days_per_week_per_100_institutions"
KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
ODD = [
    ("cohort.size", "[cohort]\nsize = 10"),
    ("cohort.id_space", '[cohort]\nid_space = "project"'),
    ("detectors.canary.participants", "[detectors.canary]\nparticipants = [500_000]"),
    (
        "detectors.canary.participants",
        "[cohort]\nid_first = 1_000_000\n[detectors.canary]\nparticipants = [1_000_000, 999_999]",
    ),
    (
        "detectors.canary.participants",
        '[cohort]\nparticipant_ids = "hashed"\n[detectors.canary]\nparticipants = [7]',
    ),
    (
        "detectors.quota.new_participants_day_max",
        "[detectors.quota]\nnew_participants_day_max = 500_000",
    ),
    ("datasets.scans.size", "[datasets.scans]\nsize = 500_001"),
    ("datasets.scans.participants_max", "[datasets.scans]\nparticipants_max = 500_000"),
    ("detectors.excess.mode", '[detectors.excess]\nmode = "off"'),
    ("detectors.drip.floor_cohort_ratio", "[detectors.drip]\nfloor_cohort_ratio = 0.5"),
    ("detectors.unreadable.allowed_ratio", "[detectors.unreadable]\nallowed_ratio = 1.0"),
    ("dedupe.events_max", "[dedupe]\nevents_max = 1"),
    ("baseline.freeze_days", "[baseline]\nfreeze_days = 0"),
    ("baseline.settling_days", "[baseline]\nsettling_days = 0"),
    ("reference.settling_days", "[reference]\nsettling_days = 0"),
    (BUDGET, "[budget]\nfalse_alert_days_per_week_per_100_institutions = 500.0"),
    (BUDGET, "[budget]\nfalse_alert_days_per_week_per_100_institutions = 0.01"),
    ("policy.quiet_days", "[policy]\nquiet_days = 2"),
    ("decode.future_seconds_max", "[decode]\nfuture_seconds_max = 0"),
    ("kafka.bootstrap", '[kafka]\nbootstrap = "127.0.0.1:9092,kafka.example.org:9092"'),
    ("kafka.security.sasl", '[kafka.security]\nsasl = "PLAIN"'),
    (
        "kafka.replication_factor",
        '[kafka]\nbootstrap = "k:9092"\nreplication_factor = 1\n[kafka.security]\ntls = true',
    ),
    ("worker.dead_letter_ratio_max", "[worker]\ndead_letter_ratio_max = 1.0"),
    ("response.throttle_confidence", "[response]\nthrottle_confidence = 0.0"),
    ("response.suspend_confidence", "[response]\nsuspend_confidence = 0.5"),
    ("response.suspend_risk", "[response]\nsuspend_risk = 0.005"),
    ("response.blast_radius_ratio", "[response]\nblast_radius_ratio = 1.0"),
    ("response.cool_down_seconds", "[response]\ncool_down_seconds = 0"),
    ("response.expiry_seconds", "[response]\nexpiry_seconds = 60"),
    ("response.expiry_seconds", "[response]\nexpiry_seconds = 31_536_000"),
    ("response.false_positive_factor", "[response]\nfalse_positive_factor = 1.0"),
    ("response.keys", '[response.modes]\nsuspend = "approve"'),
    ("response.keys", '[response.jurisdictions.uk]\nthrottle = "automatic"'),
    ("response.keys", f'[response.keys]\nann = "{KEY}"'),
    ("metrics.address", '[metrics]\naddress = "0.0.0.0"'),
    ("metrics.address", '[metrics]\naddress = "::"'),
    ("metrics.institutions_labelled_max", "[metrics]\ninstitutions_labelled_max = 0"),
]
ROOT = Path(__file__).parents[3]
SHIPPED = [*ROOT.glob("docs/examples/*.toml"), *ROOT.glob("docker/*.toml")]


def check(path: Path, *options: str) -> str:
    """Return what `headgate config check` says of a file that can be used."""
    done = CliRunner().invoke(command, ["check", "--config", str(path), *options])
    assert done.exit_code == 0
    return done.stdout


def test_the_defaults_are_not_odd() -> None:
    """Nobody is warned of what nobody has changed."""
    assert list(odd_values(ConfigFile())) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_is_not_odd(path: Path) -> None:
    """Whoever copies an example begins without a warning."""
    assert list(odd_values(parse_config(path.read_text(), name=path.name))) == []


def test_a_host_by_name_or_address_is_not_everybody() -> None:
    """Only an address that stands for all of them is read by all."""
    for address in ("localhost", "10.0.0.7", "::1"):
        assert list(odd_values(parse_config(f'[metrics]\naddress = "{address}"', name=""))) == []


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
        f"warning: response.blast_radius_ratio: {warning}; leave it at 0.05",
        f"{path}: no mistakes found",
    ]
    assert json.loads(check(path, "--json"))["warnings"] == [
        {
            "path": "response.blast_radius_ratio",
            "warning": warning,
            "advice": "leave it at 0.05",
        }
    ]
