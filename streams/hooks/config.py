"""Step 7 of 7: where suspensions are delivered, and how patiently."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from detectors.errors import ConfigError

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class HookConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receiver of suspensions; one `headgate hook` process serves one."""

    url: Annotated[
        str | None, Meta(description="https, or http on loopback; absent: nothing is delivered")
    ] = None
    name: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9_-]{0,31}$",
            description="ends the name of the consumer group, by which progress is remembered",
        ),
    ] = "hook"
    ca_file: Annotated[
        str | None, Meta(description="certificates to trust (PEM); absent: the system's")
    ] = None
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=300, description="for one attempt, from connecting to the answer")
    ] = 10.0
    concurrency_max: Annotated[
        int, Meta(ge=1, le=1_000, description="requests on their way at once")
    ] = 8
    backoff_seconds_min: Annotated[
        float, Meta(gt=0, le=3_600, description="least wait before another attempt")
    ] = 1.0
    backoff_seconds_max: Annotated[
        float, Meta(gt=0, le=3_600, description="most wait before another attempt")
    ] = 120.0
    dead_after_seconds: Annotated[
        float, Meta(gt=0, description="without an acknowledgement; then the hook counts as dead")
    ] = 300.0
    metrics_port: Annotated[
        int, Meta(ge=0, le=65_535, description="at `metrics.address`; 0: a free one")
    ] = 9465


def check_hook(config: HookConfig) -> None:
    """Refuse what the types cannot tell.

    Raises:
        ConfigError: the URL cannot be used, or the waits are upside down.
    """
    if config.url is not None:
        _check_url(config.url)
    if config.backoff_seconds_max < config.backoff_seconds_min:
        problem = f"expected at least hook.backoff_seconds_min, got {config.backoff_seconds_max:g}"
        raise ConfigError(path="hook.backoff_seconds_max", problem=problem)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a port that is no number is refused here.
    except ValueError as error:
        raise ConfigError(path="hook.url", problem=f"expected a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(path="hook.url", problem=f"expected https://host/path, got {url!r}")
    if parts.username is not None or parts.password is not None:
        # Not shown: it is a secret, and it would be logged with the URL.
        raise ConfigError(
            path="hook.url", problem="expected no user or password; requests are signed"
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        problem = f"expected https: http is for loopback only, got {url!r}"
        raise ConfigError(path="hook.url", problem=problem)


HOOK_SECRETS_VARIABLE: Final = "HEADGATE_HOOK_SECRETS"
