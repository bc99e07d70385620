"""How Kafka is reached: TLS and SASL, as every client wants it said.

User and password come from the environment only.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta, Struct

from detectors.errors import ConfigError

if TYPE_CHECKING:
    import ssl

USERNAME_VARIABLE: Final = "HEADGATE_KAFKA_USERNAME"
PASSWORD_VARIABLE: Final = "HEADGATE_KAFKA_PASSWORD"  # noqa: S105 - a name, no password
_PATH: Final = "kafka.security"


class SecurityConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How connections to Kafka are protected."""

    tls: Annotated[bool, Meta(description="encrypt, and check the broker's certificate")] = False
    ca_file: Annotated[
        str | None, Meta(description="certificates to trust, PEM; the system's own without it")
    ] = None
    certificate_file: Annotated[
        str | None, Meta(description="this client's own certificate, PEM, with `key_file`")
    ] = None
    key_file: Annotated[str | None, Meta(description="the key of `certificate_file`, PEM")] = None
    sasl: Annotated[
        Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] | None,
        Meta(description="how user and password are proved; both are in the environment"),
    ] = None


class Security:
    """What a configuration and the environment say, ready for the clients."""

    __slots__ = ("context", "password", "sasl", "username")

    def __init__(self, config: SecurityConfig, environment: Mapping[str, str]) -> None:
        """Read the files.

        Raises:
            ConfigError: something is missing, or does not go together.
        """
        self.context = _context(config)
        self.sasl = config.sasl
        self.username = environment.get(USERNAME_VARIABLE) or ""
        self.password = environment.get(PASSWORD_VARIABLE) or ""
        if config.sasl is None:
            return
        if config.sasl == "PLAIN" and not config.tls:
            problem = "expected tls = true: PLAIN shows the password to whoever listens"
            key = "sasl"
            raise _refusal(key, problem)
        for variable in (USERNAME_VARIABLE, PASSWORD_VARIABLE):
            if not environment.get(variable):
                raise ConfigError(variable, f"expected to be set, since {_PATH}.sasl is")

    @property
    def protocol(self) -> str:
        """Return Kafka's name for it."""
        if self.sasl is None:
            return "PLAINTEXT" if self.context is None else "SSL"
        return "SASL_PLAINTEXT" if self.context is None else "SASL_SSL"

    def options(self) -> dict[str, object]:
        """Return the arguments that aiokafka and kafka-python take alike."""
        options: dict[str, object] = {"security_protocol": self.protocol}
        if self.context is not None:
            options["ssl_context"] = self.context
        if self.sasl is not None:
            options["sasl_mechanism"] = self.sasl
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
        return options


def _refusal(name: str, problem: str) -> ConfigError:
    return ConfigError(f"{_PATH}.{name}", problem)


def _context(config: SecurityConfig) -> "ssl.SSLContext | None":
    files = {"ca_file", "certificate_file", "key_file"}
    given = [name for name in sorted(files) if getattr(config, name) is not None]
    if not config.tls:
        if given:
            raise _refusal(given[0], "expected tls = true beside it")
        return None
    if (config.certificate_file is None) != (config.key_file is None):
        key = "key_file"
        raise _refusal(key, "expected certificate_file and key_file together")
    import ssl  # noqa: PLC0415 - commands that connect to nobody answer sooner without it.

    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.certificate_file is not None:
            context.load_cert_chain(config.certificate_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(_PATH, f"a file cannot be read: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
