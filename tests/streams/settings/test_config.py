"""Configuration: one file and a few variables; every mistake has its own exact sentence."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from detectors.config import CoreConfig, config_hash
from detectors.errors import ConfigError
from streams.cli.config import command
from streams.config_errors import struct_in
from streams.kafka.security import SecurityConfig
from streams.settings.settings import ConfigFile, load_settings, parse_config, shown

ROOT = Path(__file__).parents[3]
BAD = sorted((ROOT / "tests/config_bad").glob("*.toml"))
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.toml"))
NOTHING: dict[str, str] = {}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_mistake_has_its_exact_message(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence beside the file, with the key's path and what was expected."""
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigError) as caught:
        load_settings(Path(path.name), environment=NOTHING)
    expected = path.with_suffix(".txt").read_text().rstrip("\n")
    assert f"headgate: configuration: {caught.value}" == expected


def test_every_bad_file_has_its_message_and_every_message_its_file() -> None:
    """A mistake without a sentence would not be checked."""
    messages = {path.stem for path in (ROOT / "tests/config_bad").glob("*.txt")}
    assert messages == {path.stem for path in BAD}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    """As they are copied by whoever begins."""
    assert load_settings(path, environment=NOTHING).file.mapping is not None


def test_without_a_file_the_defaults_hold() -> None:
    """An empty file says the same as none."""
    settings = load_settings(environment=NOTHING)
    assert config_hash(settings.core) == config_hash(CoreConfig())
    assert settings.file.kafka.bootstrap == "127.0.0.1:9092"
    assert settings.file.metrics.address == "127.0.0.1"
    assert settings.file.response.modes.suspend == "dry_run"
    assert msgspec.to_builtins(parse_config("", name="empty")) == msgspec.to_builtins(ConfigFile())


def test_the_core_and_the_shell_are_read_from_one_file(tmp_path: Path) -> None:
    """Side by side, as people write it."""
    path = tmp_path / "headgate.toml"
    path.write_text(
        "[detectors.excess]\nweight = 3.0\n[detectors.quota]\nbytes_day_max = 5\n"
        "[kafka]\npartitions = 7\n[cohort]\nsize = 99\n"
    )
    settings = load_settings(path, environment=NOTHING)
    assert settings.core.detectors.excess.weight == 3.0
    assert settings.core.detectors.quota.bytes_day_max == 5
    assert settings.file.kafka.partitions == 7
    assert settings.limits.cohort_size == 99


def test_what_a_verdict_quotes_changes_with_the_core_and_not_with_the_shell(tmp_path: Path) -> None:
    """Another broker is not another judgement."""
    hashes = []
    for text in ("", "[kafka]\npartitions = 7\n", "[cohort]\nsize = 99\n"):
        path = tmp_path / "headgate.toml"
        path.write_text(text)
        hashes.append(config_hash(load_settings(path, environment=NOTHING).core))
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_addresses_and_secrets_come_from_the_environment() -> None:
    """They differ between machines; an empty variable says nothing."""
    settings = load_settings(
        environment={
            "HEADGATE_KAFKA_BOOTSTRAP": "broker:9092",
            "HEADGATE_METRICS_ADDRESS": "192.0.2.1",
            "HEADGATE_STATE_KEY": "a secret of sixteen",
        }
    )
    assert settings.file.kafka.bootstrap == "broker:9092"
    assert settings.file.metrics.address == "192.0.2.1"
    assert settings.secrets.state_key == "a secret of sixteen"
    assert load_settings(environment={"HEADGATE_KAFKA_BOOTSTRAP": ""}).file.kafka.bootstrap


def test_a_secret_is_never_shown() -> None:
    """Only whether there is one."""
    value = "a secret of sixteen"
    settings = load_settings(
        environment={"HEADGATE_STATE_KEY": value, "HEADGATE_HOOK_SECRETS": value}
    )
    assert shown(settings)["environment"] == {"state_key": "***", "hook_secrets": "***"}
    assert "a secret" not in json.dumps(shown(settings))
    nothing = {"state_key": None, "hook_secrets": None}
    assert shown(load_settings(environment=NOTHING))["environment"] == nothing


def test_canaries_are_never_shown(tmp_path: Path) -> None:
    """Only whether there are any: whoever knows them steps around them."""
    path = tmp_path / "headgate.toml"
    path.write_text("[detectors.canary]\nparticipants = [424242]\n")
    text = json.dumps(shown(load_settings(path, environment=NOTHING)))
    assert "424242" not in text
    assert '"participants": "***"' in text
    assert "***" not in json.dumps(shown(load_settings(environment=NOTHING)))


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    """Absent, or not UTF-8."""
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml", environment=NOTHING)
    path = tmp_path / "noise.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"noise\.toml: expected UTF-8"):
        load_settings(path, environment=NOTHING)


def test_a_mistake_ends_with_exit_code_2_and_its_sentence_on_standard_error() -> None:
    """So that a script that starts a worker can tell it from a failure."""
    path = ROOT / "tests/config_bad/key_unknown.toml"
    program = "from streams.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "config", "check", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == path.with_suffix(".txt").read_text()


def test_check_says_that_there_are_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And as JSON where a program asks."""
    monkeypatch.chdir(ROOT)
    path = "docs/examples/edgar.toml"
    result = CliRunner().invoke(command, ["check", "--config", path])
    assert (result.exit_code, result.stdout) == (0, f"{path}: no mistakes found\n")
    as_json = CliRunner().invoke(command, ["check", "--config", path, "--json"])
    document = {"ok": True, "name": path, "adapters": ["edgar"], "warnings": []}
    assert json.loads(as_json.stdout) == document


def test_show_prints_what_is_in_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, defaults and environment together."""
    monkeypatch.setenv("HEADGATE_KAFKA_BOOTSTRAP", "broker:9092")
    path = tmp_path / "headgate.toml"
    path.write_text("[cohort]\nsize = 99\n")
    document = json.loads(CliRunner().invoke(command, ["show", "--config", str(path)]).stdout)
    assert document["cohort"]["size"] == 99
    assert document["kafka"] == {
        "bootstrap": "broker:9092",
        "topic_prefix": "headgate",
        "partitions": 4,
        "replication_factor": -1,
        "session_timeout_seconds": 30.0,
        "security": msgspec.to_builtins(SecurityConfig()),
    }


def test_the_schema_knows_the_examples_and_refuses_what_we_refuse() -> None:
    """An editor that follows it says the same as `config check`."""
    schema = json.loads(CliRunner().invoke(command, ["schema"]).stdout)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    good = msgspec.to_builtins(load_settings(EXAMPLES[0], environment=NOTHING).core)
    assert list(validator.iter_errors(json.loads(json.dumps(good)))) == []
    assert list(validator.iter_errors({"kafak": {}})) != []
    assert list(validator.iter_errors({"kafka": {"partitions": 0}})) != []


def test_every_key_of_the_configuration_is_documented() -> None:
    """Each section by its path, each key by its name."""
    page = (ROOT / "docs/config.md").read_text()
    for section in msgspec.structs.fields(ConfigFile):
        assert f"`[{section.name}" in page
        inner = struct_in(section.type)
        assert inner is not None
        for key in inner.__struct_encode_fields__:
            assert f"`{key}`" in page or f".{key}]`" in page
