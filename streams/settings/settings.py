"""The configuration: one TOML file and a few environment variables -> Settings.

The file holds what is tuned and reviewed; the environment holds only what differs between
machines or must not be written down: addresses and secrets. Unknown keys are refused.
"""

import os
import tomllib
from collections.abc import Mapping as Environment
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from detectors.config import CoreConfig
from detectors.errors import ConfigError
from detectors.response.config import ResponseConfig
from streams.config_errors import config_error, refuse_infinite
from streams.control.keys import public_keys
from streams.hooks.config import HOOK_SECRETS_VARIABLE, HookConfig, check_hook
from streams.ingest.adapters.config import MappingConfig
from streams.ingest.adapters.mapping import Mapping
from streams.ingest.codec import DecodeConfig, DecodeLimits, decode_limits
from streams.kafka.cluster import Cluster
from streams.kafka.config import KafkaConfig
from streams.kafka.security import (
    PASSWORD_VARIABLE,
    USERNAME_VARIABLE,
    Security,
)
from streams.metrics.server import MetricsConfig
from streams.state.config import CheckpointConfig
from streams.texts.letter import Letters
from streams.texts.template import TextsConfig

BOOTSTRAP_VARIABLE: Final = "HEADGATE_KAFKA_BOOTSTRAP"
METRICS_ADDRESS_VARIABLE: Final = "HEADGATE_METRICS_ADDRESS"
STATE_KEY_VARIABLE: Final = "HEADGATE_STATE_KEY"
VARIABLES: Final[dict[str, str]] = {
    BOOTSTRAP_VARIABLE: "overrides `kafka.bootstrap`",
    METRICS_ADDRESS_VARIABLE: "overrides `metrics.address`",
    STATE_KEY_VARIABLE: "signs states and control records: `current` or `current,previous`",
    USERNAME_VARIABLE: "who we are to Kafka, where `kafka.security.sasl` is set",
    PASSWORD_VARIABLE: "how we prove it",
    HOOK_SECRETS_VARIABLE: "the secrets that sign deliveries: `whsec_...`, or several by commas",
}
MASK: Final = "***"


class WorkerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a worker gives up."""

    dead_letter_ratio_max: Annotated[
        float, Meta(gt=0, le=1, description="share of events on which the core itself may fail")
    ] = 0.01


class ConfigFile(CoreConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: the core's sections and the shell's, side by side."""

    # Inherits for the sake of the file alone: people write [detectors.excess], whoever reads it.
    kafka: KafkaConfig = field(default_factory=KafkaConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    mapping: MappingConfig | None = None
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    worker: WorkerConfig = field(default_factory=WorkerConfig)
    response: ResponseConfig = field(default_factory=ResponseConfig)
    hook: HookConfig = field(default_factory=HookConfig)
    texts: TextsConfig = field(default_factory=TextsConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)


class Settings(Struct, frozen=True, kw_only=True):
    """All that a command needs to know."""

    core: CoreConfig
    kafka: KafkaConfig
    decode: DecodeConfig
    mapping: MappingConfig | None
    checkpoint: CheckpointConfig
    worker: WorkerConfig
    response: ResponseConfig
    hook: HookConfig
    texts: TextsConfig
    metrics: MetricsConfig
    hook_secrets: Annotated[str | None, Meta(description="secrets: never shown")]
    state_key: Annotated[str | None, Meta(description="a secret: never shown")]
    security: Annotated[Security, Meta(description="knows the password: never shown")]

    @property
    def cluster(self) -> Cluster:
        """Return where Kafka is, and how connections to it are protected."""
        return Cluster(bootstrap=self.kafka.bootstrap, security=self.security)

    @property
    def limits(self) -> DecodeLimits:
        """Return what an event may be at most."""
        return decode_limits(self.decode, self.core.cohort)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Return the names of the foreign formats, each of which has a raw topic."""
        return () if self.mapping is None else (self.mapping.name,)

    def row_mapping(self) -> Mapping | None:
        """Return the mapping, compiled; None where only canonical events come in."""
        return None if self.mapping is None else Mapping(self.mapping, limits=self.limits)


def load_settings(
    path: Path | None = None, *, environment: Environment[str, str] | None = None
) -> Settings:
    """Return the settings of a file (or the defaults), the environment applied.

    `environment` is the process's own unless given. Raises `ConfigError` with the key's path.
    """
    file = ConfigFile() if path is None else parse_config(_read(path), name=str(path))
    environment = os.environ if environment is None else environment
    settings = _settings(file, environment)
    # Made once here, so that what cannot work is refused before anything starts.
    settings.row_mapping()
    public_keys(settings.response.keys)
    check_hook(settings.hook)
    Letters(settings.texts)
    return settings


def parse_config(text: str, *, name: str) -> ConfigFile:
    """Return the file's content, checked to the last key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(name, f"expected TOML: {error}") from error
    refuse_infinite(document)
    try:
        return msgspec.convert(document, ConfigFile)
    except msgspec.ValidationError as error:
        raise config_error(str(error), document, ConfigFile) from error


def shown(settings: Settings) -> dict[str, object]:
    """Return the effective settings as the file would say them, secrets masked."""
    core = msgspec.to_builtins(settings.core)
    # Whoever knows the canaries steps around them.
    if core["detectors"]["canary"]["participants"]:
        core["detectors"]["canary"]["participants"] = MASK
    shell = {
        name: msgspec.to_builtins(getattr(settings, name))
        for name in ConfigFile.__struct_fields__
        if name not in core
    }
    secrets = {
        name: None if getattr(settings, name) is None else MASK
        for name in ("state_key", "hook_secrets")
    }
    return {**core, **shell, "environment": secrets}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "expected UTF-8") from error


def _settings(file: ConfigFile, environment: Environment[str, str]) -> Settings:
    core = CoreConfig(**{name: getattr(file, name) for name in CoreConfig.__struct_fields__})
    kafka, metrics = file.kafka, file.metrics
    if bootstrap := environment.get(BOOTSTRAP_VARIABLE):
        kafka = msgspec.structs.replace(kafka, bootstrap=bootstrap)
    if address := environment.get(METRICS_ADDRESS_VARIABLE):
        metrics = msgspec.structs.replace(metrics, address=address)
    return Settings(
        core=core,
        kafka=kafka,
        decode=file.decode,
        mapping=file.mapping,
        checkpoint=file.checkpoint,
        worker=file.worker,
        response=file.response,
        hook=file.hook,
        texts=file.texts,
        metrics=metrics,
        hook_secrets=environment.get(HOOK_SECRETS_VARIABLE) or None,
        state_key=environment.get(STATE_KEY_VARIABLE) or None,
        security=Security(kafka.security, environment),
    )
