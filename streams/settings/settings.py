"""The configuration: one TOML file and a few environment variables -> Settings.

The file holds what is tuned and reviewed; the environment holds only what differs between
machines or must not be written down: addresses and secrets. Unknown keys are refused.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from detectors.config import CoreConfig
from detectors.errors import ConfigError
from detectors.response.config import ResponseConfig
from streams.config_errors import config_error, refuse_infinite
from streams.hooks.config import HOOK_SECRETS_VARIABLE, HookConfig, check_hook
from streams.ingest.adapters.config import MappingConfig
from streams.ingest.limits import DecodeConfig, DecodeLimits, decode_limits
from streams.kafka.cluster import Cluster
from streams.kafka.config import KafkaConfig
from streams.kafka.security import (
    PASSWORD_VARIABLE,
    USERNAME_VARIABLE,
    Security,
)
from streams.metrics.config import MetricsConfig
from streams.settings.variables import (
    BOOTSTRAP_VARIABLE,
    DECISION_KEY_VARIABLE,
    METRICS_ADDRESS_VARIABLE,
)
from streams.state.config import CheckpointConfig
from streams.state.envelope import STATE_KEY_VARIABLE
from streams.texts.config import TextsConfig

if TYPE_CHECKING:
    from streams.ingest.adapters.mapping import RowMapping

VARIABLES: Final[dict[str, str]] = {
    BOOTSTRAP_VARIABLE: "overrides `kafka.bootstrap`",
    METRICS_ADDRESS_VARIABLE: "overrides `metrics.address`",
    STATE_KEY_VARIABLE: "signs states and control records: `current` or `current,previous`",
    DECISION_KEY_VARIABLE: "path of the private key by which a person decides, as `--key`",
    USERNAME_VARIABLE: "who we are to Kafka, where `kafka.security.sasl` is set",
    PASSWORD_VARIABLE: "how we prove it",
    HOOK_SECRETS_VARIABLE: "the secrets that sign deliveries: `whsec_...`, or several by commas",
}
MASK: Final = "***"


class WorkerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a worker gives up."""

    reference_wait_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=3_600,
            description="a partition that has come to a day without its peer reference goes on "
            "with the last one once no new one has come for so long",
        ),
    ] = 60.0

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


class Secrets(Struct, frozen=True, kw_only=True):
    """What stands in the environment because it must not be written down; never shown."""

    state_key: str | None = None
    hook_secrets: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """All that a command needs to know."""

    file: Annotated[ConfigFile, Meta(description="with the addresses of the environment in it")]
    secrets: Secrets
    security: Annotated[Security, Meta(description="knows Kafka's password: never shown")]

    @property
    def core(self) -> CoreConfig:
        """Return the core's sections alone: those that a config hash stands for."""
        names = CoreConfig.__struct_fields__
        return CoreConfig(**{name: getattr(self.file, name) for name in names})

    @property
    def cluster(self) -> Cluster:
        """Return where Kafka is, and how connections to it are protected."""
        return Cluster(bootstrap=self.file.kafka.bootstrap, security=self.security)

    @property
    def limits(self) -> DecodeLimits:
        """Return what an event may be at most."""
        declared = any(each.people is not None for each in self.file.datasets.values())
        return decode_limits(self.file.decode, self.file.cohort, declares_people=declared)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Return the names of the foreign formats, each of which has a raw topic."""
        return () if self.file.mapping is None else (self.file.mapping.name,)

    def row_mapping(self) -> "RowMapping | None":
        """Return the mapping, compiled; None where only canonical events come in.

        Raises:
            ConfigError: it cannot work.
        """
        if self.file.mapping is None:
            return None
        from streams.ingest.adapters.mapping import RowMapping  # noqa: PLC0415 - loads the codec.

        return RowMapping(self.file.mapping, limits=self.limits)


def load_settings(
    path: Path | None = None, *, environment: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of a file (or the defaults), the environment applied.

    `environment` is the process's own unless given.

    Raises:
        ConfigError: the file or the environment cannot be used; it names the key's path.
    """
    file = ConfigFile() if path is None else parse_config(_read(path), name=str(path))
    environment = os.environ if environment is None else environment
    settings = Settings(
        file=_addressed(file, environment),
        secrets=Secrets(
            state_key=environment.get(STATE_KEY_VARIABLE) or None,
            hook_secrets=environment.get(HOOK_SECRETS_VARIABLE) or None,
        ),
        security=Security(file.kafka.security, environment),
    )
    _refuse_unusable(settings)
    return settings


def parse_config(text: str, *, name: str) -> ConfigFile:
    """Return the file's content, checked to the last key.

    Raises:
        ConfigError: it cannot be used; the error names the key.
    """
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
    document = msgspec.to_builtins(settings.file)
    # Whoever knows the canaries steps around them.
    if settings.file.detectors.canary.participants:
        document["detectors"]["canary"]["participants"] = MASK
    secrets = {
        name: None if secret is None else MASK
        for name, secret in msgspec.structs.asdict(settings.secrets).items()
    }
    return {**document, "environment": secrets}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "expected UTF-8") from error


def _addressed(file: ConfigFile, environment: Mapping[str, str]) -> ConfigFile:
    """Return a file with the addresses of the environment, which differ between machines."""
    kafka, metrics = file.kafka, file.metrics
    if bootstrap := environment.get(BOOTSTRAP_VARIABLE):
        kafka = msgspec.structs.replace(kafka, bootstrap=bootstrap)
    if address := environment.get(METRICS_ADDRESS_VARIABLE):
        metrics = msgspec.structs.replace(metrics, address=address)
    return msgspec.structs.replace(file, kafka=kafka, metrics=metrics)


def _refuse_unusable(settings: Settings) -> None:
    """Raise what the types cannot tell now, before anything starts.

    What only a few configurations use is imported here, so that most commands do without it.
    """
    file = settings.file
    settings.row_mapping()
    check_hook(file.hook)
    if file.response.keys:
        from streams.control.keys import public_keys  # noqa: PLC0415

        public_keys(file.response.keys)
    if file.texts != TextsConfig():
        from streams.texts.letter import Letters  # noqa: PLC0415

        Letters(file.texts)
