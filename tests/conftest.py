"""What all tests share: a real Kafka on first use, names of one's own, hypothesis profiles."""

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from streams.local_broker.broker import LocalBroker

# Run as a file, in an environment of its own.
collect_ignore = ["mutants/trial.py"]

settings.register_profile("dev", max_examples=100, deadline=None)
# More examples, and the same ones each time: a failure there must fail again here.
settings.register_profile(
    "ci",
    max_examples=1_000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# Few, and the same ones each time: thousands of mutants are each tried by them, and that a test
# fails is all that is asked, not by which small example.
settings.register_profile(
    "mutants",
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_configure() -> None:
    """Forget the settings of whoever runs the tests: they must pass on every machine alike."""
    for name in [name for name in os.environ if name.startswith("HEADGATE_")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that would start Kafka without saying so: `-m "not kafka"` must be fast."""
    for item in items:
        needs_kafka = "kafka" in getattr(item, "fixturenames", ())
        if needs_kafka and item.get_closest_marker("kafka") is None:
            problem = f"{item.nodeid} uses the fixture `kafka` without @pytest.mark.kafka"
            raise pytest.UsageError(problem)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Yield the address of a real local Apache Kafka, one for the whole session."""
    with LocalBroker() as broker:
        yield broker.bootstrap


@pytest.fixture
def topic_prefix() -> str:
    """Return a prefix for topics and groups that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"
