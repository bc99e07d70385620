"""What the tests of the webhook share: suspensions, and a platform that really listens."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from detectors.response.suspension import Suspension
from streams.hooks.delivery import Delivery
from streams.sinks.cloudevent import cloudevent

AT_MS = 1_773_223_560_000
HOUR_MS = 3_600_000
PLAIN: dict[str, object] = {
    "suspension_id": "c0ffee",
    "revision": 1,
    "state": "active",
    "measure": "suspend",
    "dry_run": False,
    "institution": "north",
    "scope": "user",
    "subject": "u-17",
    "jurisdiction": None,
    "alert_id": "a1",
    "severity": "high",
    "at_ms": AT_MS,
    "requested_ms": AT_MS,
    "started_ms": AT_MS,
    "expires_ms": AT_MS + HOUR_MS,
    "approvals": (),
    "approvals_needed": 1,
    "alerted_ms": AT_MS,
    "by": "headgate",
    "why": "alert",
    "reason": "north took 11,531 new participants in 1 h (expected 595).",
    "contact": "access@north.example",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Served = Callable[..., contextlib.AbstractAsyncContextManager[str]]


@pytest.fixture
def suspension() -> Callable[..., Suspension]:
    """Return what makes a suspension: the plain one, but for what is given."""

    def make(**changes: object) -> Suspension:
        return msgspec.convert(PLAIN | changes, Suspension)

    return make


@pytest.fixture
def record_value() -> Callable[[Suspension], bytes]:
    """Return what makes the value of a record, as the sink writes it."""

    def make(change: Suspension) -> bytes:
        return cloudevent(
            event_id=change.record_id,
            kind=f"headgate.suspension.{change.state}",
            subject=change.institution,
            at_ms=change.at_ms,
            data=msgspec.json.encode(change),
        )

    return make


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    """Return what makes the n-th delivery of an institution."""

    def make(institution: str = "north", number: int = 0) -> Delivery:
        return Delivery(
            id=f"{institution}.{number}",
            institution=institution,
            body=f'{{"number":{number}}}',
            partition=0,
            offset=number,
        )

    return make


@pytest.fixture
def served() -> Served:
    """Return what serves a handler on a free port of loopback, and yields its URL."""

    @contextlib.asynccontextmanager
    async def serve(
        handler: Handler, *, tls: ssl.SSLContext | None = None, port: int = 0
    ) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/hook", handler)
        # Handlers that wait on purpose are ended, not waited for.
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
            address: Any = runner.addresses[0]
            scheme = "http" if tls is None else "https"
            yield f"{scheme}://127.0.0.1:{address[1]}/hook"
        finally:
            await runner.cleanup()

    return serve
