"""From a download to a switched platform and back: worker, hook and people, killed in between."""

import asyncio
import base64
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from click.testing import CliRunner
from standardwebhooks import Webhook

from detectors.event import AccessEvent, Participants
from streams.cli import headgate
from streams.demo.child import Child
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.topics import ACCESS_EVENTS

SECRET = "whsec_" + base64.b64encode(b"w" * 32).decode()
HOUR_MS = 3_600_000
STEPS = 4
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 2
session_timeout_seconds = 10
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
[hook]
url = "{url}"
metrics_port = 0
backoff_seconds_min = 0.05
[response.modes]
throttle = "automatic"
suspend = "automatic"
[response.keys]
{key}
"""


class Platform:
    """Applies each id once, and can be waited for."""

    def __init__(self) -> None:
        """Begin with nothing applied."""
        self.applied: dict[str, dict[str, Any]] = {}
        self._moved = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        """Believe the signature, and remember."""
        event = Webhook(SECRET).verify(await request.read(), dict(request.headers))
        self.applied.setdefault(event["id"], event["data"])
        self._moved.set()
        return web.Response(status=204)

    async def until(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first record of which it is so."""
        async with asyncio.timeout(90):
            while not any(map(is_so, self.applied.values())):
                self._moved.clear()
                await self._moved.wait()
        return next(filter(is_so, self.applied.values()))


def theft(step: int) -> AccessEvent:
    """Return one of a user's large downloads, an hour after the one before."""
    first = step * 30_000
    return AccessEvent(
        id=f"e-{step}",
        time=1_771_553_400_000 + step * HOUR_MS,
        institution="north",
        user="u-17",
        dataset="imaging",
        participants=Participants(ranges=[(first, first + 29_999)]),
    )


@pytest.mark.kafka
def test_a_thief_is_stopped_once_and_released_once_though_everything_is_killed(
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    served: Callable[..., Any],
) -> None:
    """One suspension with one history, ended by a signed release, and explained afterwards."""
    monkeypatch.setenv("HEADGATE_HOOK_SECRETS", SECRET)
    run_cli = CliRunner().invoke
    pem, config = tmp_path / "ann.pem", tmp_path / "headgate.toml"
    keygen = run_cli(headgate, ["suspensions", "keygen", "ann", "--out", str(pem)])
    key = next(line for line in keygen.output.splitlines() if line.startswith("ann"))
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)

    def child(name: str, life: int) -> Child:
        log = tmp_path / f"{name}-{life}" / "log"
        log.parent.mkdir()
        return Child([name, "--config", str(config)], log_path=log)

    async def send(steps: range) -> None:
        topic = ACCESS_EVENTS.full_name(topic_prefix)
        await send_all(map(theft, steps), cluster=unprotected(kafka), topic=topic)

    async def run() -> Platform:
        platform = Platform()
        async with served(platform.receive) as url:
            config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, url=url, key=key))
            with child("worker", 1) as worker, child("hook", 1) as hook:
                await send(range(2))
                await platform.until(lambda data: data["state"] == "active")
                for process in (worker, hook):
                    os.kill(process.pid or 0, signal.SIGKILL)
            await send(range(2, STEPS))
            with child("worker", 2), child("hook", 2):
                # Not before all is told: a release followed by twice the risk is no end.
                last_ms = theft(STEPS - 1).time
                stopped = await platform.until(lambda data: data["alerted_ms"] == last_ms)
                arguments = ["suspensions", "release", stopped["suspension_id"]]
                arguments += ["--config", str(config), "--key", str(pem)]
                done = await asyncio.to_thread(run_cli, headgate, arguments)
                assert done.exit_code == 0, done.output
                await platform.until(lambda data: data["state"] == "released")
        return platform

    platform = asyncio.run(run())
    history = [msgspec.convert(data, dict[str, Any]) for data in platform.applied.values()]
    assert len({data["suspension_id"] for data in history}) == 1
    assert [data["revision"] for data in history] == list(range(1, len(history) + 1))
    assert {(data["scope"], data["subject"]) for data in history} == {("user", "u-17")}
    assert {data["measure"] for data in history[-2:]} == {"suspend"}
    assert [data["state"] for data in history[-2:]] == ["active", "released"]
    assert (history[-1]["by"], history[-1]["dry_run"]) == ("ann", False)
    explained = run_cli(headgate, ["explain", history[0]["alert_id"], "--config", str(config)])
    assert "rebuilt: the same bytes as on record" in explained.output
    titles = [data["letter"]["title"] for data in history[-2:]]
    assert titles == [
        "Access to the data is paused for your account",
        "Access to the data is as before for your account",
    ]
