"""Checks of this machine: Python, packages, the configuration, the local broker, the disk."""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from detectors.errors import ConfigError
from streams.doctor.finding import Finding, fail, ok, warn
from streams.local_broker.runtime import KAFKA_VERSION, BrokerError, installed_runtime
from streams.settings.settings import Settings, load_settings
from streams.state.envelope import STATE_KEY_VARIABLE

PYTHONS = ((3, 11), (3, 12), (3, 13))
# The local broker and its cache need a third of it; a full disk ends Kafka at once.
FREE_BYTES_MIN = 1024**3


def machine_findings(settings: Settings | None) -> Iterator[Finding]:
    """Yield what there is to say before any broker is asked."""
    yield python_finding(sys.version_info[:2])
    yield packages_finding(requires("headgate") or [])
    yield local_broker_finding()
    yield disk_finding(Path.cwd())
    if settings is not None:
        yield state_key_finding(settings.secrets.state_key)


def python_finding(running: tuple[int, ...]) -> Finding:
    """Whether this Python is one that every release is tested with."""
    name = f"Python {'.'.join(map(str, running))}"
    if running in PYTHONS:
        return ok("python", name)
    names = ", ".join(".".join(map(str, known)) for known in PYTHONS)
    return fail("python", name, advice=f"Install one of {names} and run make again.")


def packages_finding(requirements: list[str]) -> Finding:
    """Whether all that the distribution needs on this machine is there, in a version that will do.

    Of extras nothing is needed; what a marker leaves out here is not looked for.
    """
    needed = list(filter(_is_needed, map(Requirement, requirements)))
    problems = list(filter(None, map(_package_problem, needed)))
    if problems:
        advice = "Run make again, or pip install --editable . in this environment."
        return fail("packages", "; ".join(problems), advice=advice)
    pins_count = sum(_is_pinned(requirement) for requirement in needed)
    return ok("packages", f"{len(needed)} present, {pins_count} of them at their pinned version")


def config_finding(path: Path | None) -> tuple[Finding, Settings | None]:
    """Read the configuration; without settings nothing further can be checked."""
    try:
        settings = load_settings(path)
    except ConfigError as error:
        advice = "Put the named key right; `headgate config schema` says what each may hold."
        return fail("config", str(error), advice=advice), None
    return ok("config", str(path) if path else "the defaults: no file was given"), settings


def state_key_finding(state_key: str | None) -> Finding:
    """Whether saved states are signed with a secret."""
    if state_key:
        return ok("state key", f"{STATE_KEY_VARIABLE} is set")
    return warn(
        "state key",
        "saved states are signed with a key that everybody can read in the source",
        advice=f"Set {STATE_KEY_VARIABLE} to a secret wherever the broker is not yours alone.",
    )


def local_broker_finding() -> Finding:
    """Whether a local Kafka could start here without the network."""
    try:
        runtime = installed_runtime()
    except BrokerError as error:
        return warn("local broker", str(error), advice="Only needed for `headgate broker`.")
    if runtime is None:
        advice = "Run `headgate broker --fetch` while there is a network."
        return warn("local broker", f"Kafka {KAFKA_VERSION} is not in the cache", advice=advice)
    return ok("local broker", f"Kafka {KAFKA_VERSION} is in the cache")


def disk_finding(path: Path) -> Finding:
    """Whether there is room to work in."""
    free_bytes = shutil.disk_usage(path).free
    room = f"{free_bytes / 1024**3:.1f} GiB free at {path}"
    if free_bytes >= FREE_BYTES_MIN:
        return ok("disk", room)
    return warn("disk", room, advice="Free a gibibyte: Kafka stops when its disk is full.")


def _is_needed(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _is_pinned(requirement: Requirement) -> bool:
    return any(specifier.operator == "==" for specifier in requirement.specifier)


def _package_problem(requirement: Requirement) -> str | None:
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    # A version that was released early is as good as any: whoever installed it meant to.
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{requirement.name} is {installed}, but {requirement.specifier} is needed"
