"""`headgate worker`: judge what comes in, until told to stop."""

import asyncio
import logging
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, ProcessCollector

from detectors.register import Register
from streams.cli import options
from streams.console.logs import LogFormat, log_format_option, set_up_logs
from streams.kafka.admin import check_topics, ensure_topics
from streams.metrics.registry import Metrics
from streams.metrics.server import serve
from streams.response.gauges import ResponseGauges
from streams.settings.register_file import load_register
from streams.settings.settings import Settings, load_settings
from streams.worker.app import build_worker
from streams.worker.kafka_sinks import KafkaSinks
from streams.worker.metrics_watcher import MetricsWatcher, show_config
from streams.worker.run import run

logger = logging.getLogger("headgate.worker")


@click.command(name="worker", epilog="Example: headgate worker --config headgate.toml")
@options.config
@options.register
@click.option("--no-create-topics", is_flag=True, help="Do not create what is missing; only check.")
@click.option(
    "--accept-lost-records",
    is_flag=True,
    help="Go on where retention removed records before they were judged.",
)
@log_format_option
@options.verbose
def command(
    *,
    config_path: Path | None,
    register_path: Path | None,
    no_create_topics: bool,
    accept_lost_records: bool,
    log_format: LogFormat,
    verbose: bool,
) -> None:
    """Judge access events from Kafka and raise alerts, until SIGTERM or Ctrl-C."""
    settings = load_settings(config_path)
    register = load_register(register_path)
    set_up_logs(log_format=log_format, verbose=verbose)
    if settings.secrets.state_key is None:
        logger.warning("HEADGATE_STATE_KEY is not set: states are signed by the development key.")
    _prepare_topics(settings, create=not no_create_topics)
    registry = CollectorRegistry()
    metrics = Metrics(
        registry, institutions_labelled_max=settings.file.metrics.institutions_labelled_max
    )
    show_config(metrics, settings.core)
    ProcessCollector(registry=registry)
    server = serve(registry, address=settings.file.metrics.address, port=settings.file.metrics.port)
    logger.info("Serving metrics.", extra={"url": f"http://{server.address}/metrics"})
    gauges = ResponseGauges(registry)
    asyncio.run(
        _work(settings, register, (metrics, gauges), accept_lost_records=accept_lost_records)
    )
    server.close()
    logger.info("Ended; everything judged is saved.")


async def _work(
    settings: Settings,
    register: Register,
    shown: tuple[Metrics, ResponseGauges],
    *,
    accept_lost_records: bool,
) -> None:
    metrics, gauges = shown
    # Built inside the loop: the outbox and the checkpointer hold events of it.
    worker = build_worker(
        settings,
        register=register,
        sinks=KafkaSinks(settings.file.kafka.topic_prefix),
        watcher=MetricsWatcher(metrics),
        response_watcher=gauges,
        accept_lost_records=accept_lost_records,
    )
    await run(worker)


def _prepare_topics(settings: Settings, *, create: bool) -> None:
    if not create:
        check_topics(
            settings.cluster,
            prefix=settings.file.kafka.topic_prefix,
            partitions=settings.file.kafka.partitions,
            adapters=settings.adapters,
        )
        return
    created = ensure_topics(
        settings.cluster,
        prefix=settings.file.kafka.topic_prefix,
        partitions=settings.file.kafka.partitions,
        adapters=settings.adapters,
        replication_factor=settings.file.kafka.replication_factor,
    )
    if created:
        logger.info("Created topics.", extra={"topics": created})
