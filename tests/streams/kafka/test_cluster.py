"""Where a cluster is, and how it is reached, are one value that nothing else can change."""

from pathlib import Path

from streams.kafka.cluster import unprotected
from streams.kafka.security import PASSWORD_VARIABLE, USERNAME_VARIABLE
from streams.settings.settings import load_settings

LOGIN = {USERNAME_VARIABLE: "ann", PASSWORD_VARIABLE: "not for everybody"}
SCRAM = '[kafka]\nbootstrap = "kafka:9093"\n[kafka.security]\nsasl = "SCRAM-SHA-512"\n'


def test_each_configuration_keeps_its_own_protection(tmp_path: Path) -> None:
    """A file that is read later does not change how the cluster of an earlier one is reached."""
    (tmp_path / "scram.toml").write_text(SCRAM)
    guarded = load_settings(tmp_path / "scram.toml", environment=LOGIN)
    plain = load_settings(environment={})
    assert guarded.cluster.client_options() == {
        "bootstrap_servers": "kafka:9093",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "not for everybody",
    }
    assert plain.cluster.client_options() == unprotected("127.0.0.1:9092").client_options()


def test_a_cluster_shows_no_password(tmp_path: Path) -> None:
    """A log line or a traceback may print the settings."""
    (tmp_path / "scram.toml").write_text(SCRAM)
    settings = load_settings(tmp_path / "scram.toml", environment=LOGIN)
    assert LOGIN[PASSWORD_VARIABLE] not in repr(settings) + repr(settings.cluster)


def test_an_unprotected_cluster_says_so() -> None:
    """Clients are told to speak in the clear, not left to their defaults."""
    assert unprotected("127.0.0.1:1").client_options() == {
        "bootstrap_servers": "127.0.0.1:1",
        "security_protocol": "PLAINTEXT",
    }
