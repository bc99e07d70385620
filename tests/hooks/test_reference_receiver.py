"""The example under docs/ does what it says, as a process, with the real deliverer's requests."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import aiohttp
import msgspec
import pytest

from detectors.response.suspension import Suspension
from streams.clock import wall_ms
from streams.hooks.config import HookConfig
from streams.hooks.delivery import Delivery, PostOutcome, delivery_of
from streams.hooks.post import WebhookPoster
from streams.hooks.signature import Signer
from streams.texts.config import TextsConfig
from streams.texts.letter import Letters

EXAMPLE = Path(__file__).parents[2] / "docs/examples/receiver"
SECRET = "whsec_" + base64.b64encode(b"r" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
MINUTES_6_MS = 360_000
OFF = '{"downloadRestricted": false, "previewViewerRestricted": false}'
THROTTLED = '{"downloadRestricted": true, "previewViewerRestricted": false}'
PAUSED = '{"downloadRestricted": true, "previewViewerRestricted": true}'
Make = Callable[..., Suspension]


class Running:
    """The example as a process; what it says is read line by line."""

    def __init__(self, home: Path) -> None:
        """Start it; its state is in `home`, so that the next one remembers."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, str(EXAMPLE / "receiver.py"), "--port", "0"),
                *("--state", str(home / "receiver.db")),
                *("--projects", str(EXAMPLE / "projects.json")),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"RECEIVER_SECRET": SECRET},
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.url = self._lines.readline().removeprefix("listening on ").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._lines.close()

    def end(self) -> Sequence[str]:
        """Kill it, and return what it had said."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        return self._lines.read().splitlines() if not self._lines.closed else ()


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Running]:
    """Yield the running example."""
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def delivery_for(record_value: Callable[[Suspension], bytes]) -> Callable[[Suspension], Delivery]:
    """Return what makes a delivery of a suspension, as the deliverer does."""

    class Stored:
        offset, timestamp, key, headers = 0, 0, b"", ()

    def make(change: Suspension) -> Delivery:
        stored = Stored()
        stored.value = record_value(change)  # type: ignore[attr-defined]
        letters = Letters(TextsConfig())
        delivery = delivery_of(stored, partition=0, letters=letters)  # type: ignore[arg-type]
        assert delivery is not None
        return delivery

    return make


def post(
    url: str, deliveries: Sequence[Delivery], *, secret: str = SECRET, skew_ms: int = 0
) -> list[PostOutcome]:
    """Post one after the other."""

    async def all_posted() -> list[PostOutcome]:
        signer = Signer(secret)
        async with WebhookPoster(
            url, config=HookConfig(), signer=signer, now_ms=lambda: wall_ms() + skew_ms
        ) as poster:
            return [await poster.post(delivery) for delivery in deliveries]

    return asyncio.run(all_posted())


def test_a_suspension_switches_the_flags_and_its_release_switches_them_back(
    example: Running, suspension: Make, delivery_for: Callable[[Suspension], Delivery]
) -> None:
    """And the researcher is told both times."""
    deliveries = [
        delivery_for(suspension()),
        delivery_for(suspension(state="released", revision=2)),
    ]
    assert post(example.url, deliveries) == [PostOutcome.ACKNOWLEDGED] * 2
    assert example.end() == [
        f"project-B: {PAUSED}",
        "c0ffee.1: applied",
        "c0ffee.1: Access to the data is paused for your account",
        f"project-B: {OFF}",
        "c0ffee.2: applied",
        "c0ffee.2: Access to the data is as before for your account",
    ]


def test_what_comes_again_or_too_late_changes_nothing(
    example: Running,
    tmp_path: Path,
    suspension: Make,
    delivery_for: Callable[[Suspension], Delivery],
) -> None:
    """Not even after the receiver itself was killed: a release is not undone by its suspension."""
    begun, over = (
        delivery_for(suspension(revision=2)),
        delivery_for(suspension(revision=3, state="released")),
    )
    assert post(example.url, [over, over]) == [PostOutcome.ACKNOWLEDGED] * 2
    assert example.end() == [
        "c0ffee.3: applied",
        "c0ffee.3: Access to the data is as before for your account",
        "c0ffee.3: repeat",
    ]
    with Running(tmp_path) as again:
        assert post(again.url, [over, begun]) == [PostOutcome.ACKNOWLEDGED] * 2
        assert again.end() == ["c0ffee.3: repeat", "c0ffee.2: older"]


def test_two_measures_on_one_project_end_one_after_the_other(
    example: Running, suspension: Make, delivery_for: Callable[[Suspension], Delivery]
) -> None:
    """The end of the stronger one leaves the weaker one in effect."""
    whole = {"suspension_id": "w", "scope": "institution", "subject": "north"}
    changes = [
        suspension(**whole, measure="throttle"),
        suspension(),
        suspension(revision=2, state="released"),
        suspension(**whole, measure="throttle", revision=2, state="released"),
    ]
    assert (
        post(example.url, [delivery_for(change) for change in changes])
        == [PostOutcome.ACKNOWLEDGED] * 4
    )
    switched = [line for line in example.end() if line.startswith("project-B: ")]
    assert switched == [f"project-B: {flags}" for flags in (THROTTLED, PAUSED, THROTTLED, OFF)]


@pytest.mark.parametrize(
    "changes",
    [{"dry_run": True}, {"state": "requested", "started_ms": None}],
    ids=["a dry run", "a request"],
)
def test_what_is_not_in_effect_is_acknowledged_and_stops_nobody(
    example: Running,
    suspension: Make,
    delivery_for: Callable[[Suspension], Delivery],
    changes: dict[str, object],
) -> None:
    """Headgate may tell what it would do long before it is allowed to."""
    assert post(example.url, [delivery_for(suspension(**changes))]) == [PostOutcome.ACKNOWLEDGED]
    assert example.end() == ["c0ffee.1: applied"]


def test_whom_no_project_belongs_to_is_not_acknowledged(
    example: Running, suspension: Make, delivery_for: Callable[[Suspension], Delivery]
) -> None:
    """So that the dead hook wakes somebody, and nobody believes that they were stopped."""
    assert post(example.url, [delivery_for(suspension(subject="u-99"))]) == [PostOutcome.REFUSED]
    assert example.end() == ["c0ffee.1: no project is known for user u-99"]


@pytest.mark.parametrize(
    ("secret", "skew_ms"),
    [(OTHER, 0), (SECRET, -MINUTES_6_MS), (SECRET, MINUTES_6_MS)],
    ids=["a stranger", "a copy of long ago", "from the future"],
)
def test_who_cannot_sign_for_now_is_refused(
    example: Running,
    suspension: Make,
    delivery_for: Callable[[Suspension], Delivery],
    secret: str,
    skew_ms: int,
) -> None:
    """And nothing is switched."""
    deliveries = [delivery_for(suspension())]
    assert post(example.url, deliveries, secret=secret, skew_ms=skew_ms) == [PostOutcome.REFUSED]
    assert example.end() == []


def test_another_body_or_id_under_a_signature_is_refused(
    example: Running, suspension: Make, delivery_for: Callable[[Suspension], Delivery]
) -> None:
    """Both are signed."""
    delivery = delivery_for(suspension())
    headers = dict(Signer(SECRET).headers(delivery.id, delivery.body, at_ms=wall_ms()))
    forged = json.dumps(msgspec.json.decode(delivery.body) | {"id": "x"})

    async def statuses() -> list[int]:
        async with aiohttp.ClientSession() as session:
            codes = []
            for body, more in (
                (forged, {}),
                (delivery.body, {"webhook-id": "x"}),
                (delivery.body, {}),
            ):
                async with session.post(example.url, data=body, headers=headers | more) as answer:
                    codes.append(answer.status)
            return codes

    assert asyncio.run(statuses()) == [401, 401, 204]
