"""`headgate hook`: deliver suspensions to the platform's webhook, until told to stop."""

import asyncio
import logging
from contextlib import closing
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from detectors.errors import ConfigError
from streams.cli import options
from streams.console.logs import LogFormat, log_format_option, set_up_logs
from streams.hooks.config import HOOK_SECRETS_VARIABLE
from streams.hooks.run import Hook, run
from streams.hooks.signature import Signer
from streams.hooks.watch import HookWatch
from streams.metrics.server import serve
from streams.settings.settings import Settings, load_settings
from streams.texts.letter import Letters

logger = logging.getLogger("headgate.hook")


@click.command(name="hook", epilog="Example: headgate hook --config headgate.toml")
@options.config
@log_format_option
@options.verbose
def command(*, config_path: Path | None, log_format: LogFormat, verbose: bool) -> None:
    """Deliver suspensions to the platform's webhook, each until it is acknowledged.

    A process of its own, so that no receiver can ever delay a judge. Its secrets are in
    HEADGATE_HOOK_SECRETS. Run a second one as a standby: the group lets one deliver at a time.
    """
    settings = load_settings(config_path)
    hook = _hook(settings)
    set_up_logs(log_format=log_format, verbose=verbose)
    registry = CollectorRegistry()
    watch = HookWatch(registry, dead_after_seconds=settings.file.hook.dead_after_seconds)
    address, port = settings.file.metrics.address, settings.file.hook.metrics_port
    with closing(serve(registry, address=address, port=port)) as server:
        logger.info("Serving metrics.", extra={"url": f"http://{server.address}/metrics"})
        asyncio.run(run(hook, kafka=settings.file.kafka, cluster=settings.cluster, watch=watch))
    logger.info("Ended; what was not acknowledged is delivered by the next one.")


def _hook(settings: Settings) -> Hook:
    if settings.file.hook.url is None:
        raise ConfigError(path="hook.url", problem="expected, but absent")
    if settings.secrets.hook_secrets is None:
        raise ConfigError(HOOK_SECRETS_VARIABLE, "expected in the environment, but absent")
    return Hook(
        url=settings.file.hook.url,
        config=settings.file.hook,
        signer=Signer(settings.secrets.hook_secrets),
        letters=Letters(settings.file.texts),
    )
