"""One attempt against real servers: signed, verified, never led astray."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from detectors.errors import ConfigError
from streams.clock import wall_ms
from streams.hooks.config import HookConfig
from streams.hooks.delivery import Delivery, PostOutcome
from streams.hooks.post import WebhookPoster
from streams.hooks.signature import Signer

OLD, NEW, OTHER = (
    "whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n", b"x")
)
MINUTES_10_MS = 600_000
Make = Callable[..., Delivery]
Served = Callable[..., Any]


async def attempt(
    url: str,
    delivery: Delivery,
    *,
    secrets: str = NEW,
    now_ms: Callable[[], int] = wall_ms,
    **settings: Any,  # noqa: ANN401 - whatever HookConfig takes.
) -> PostOutcome:
    """Make one attempt."""
    config = HookConfig(**settings)
    async with WebhookPoster(url, config=config, signer=Signer(secrets), now_ms=now_ms) as poster:
        return await poster.post(delivery)


def verifying(secret: str) -> Any:  # noqa: ANN401 - a handler.
    """Return a receiver that believes one secret, by the library of the public scheme."""

    async def receive(request: web.Request) -> web.Response:
        try:
            Webhook(secret).verify(await request.read(), dict(request.headers))
        except WebhookVerificationError:
            return web.Response(status=401)
        return web.Response(status=204)

    return receive


async def accept(_request: web.Request) -> web.Response:
    """Acknowledge anything."""
    return web.Response(status=202)


@pytest.mark.parametrize(
    ("signed_by", "believed", "expected"),
    [
        (NEW, NEW, PostOutcome.ACKNOWLEDGED),
        (f"{NEW},{OLD}", OLD, PostOutcome.ACKNOWLEDGED),
        (f"{NEW}, {OLD}", NEW, PostOutcome.ACKNOWLEDGED),
        (OTHER, NEW, PostOutcome.REFUSED),
    ],
    ids=["one secret", "receiver not changed yet", "receiver changed already", "a stranger"],
)
def test_secrets_can_be_changed_one_side_after_the_other(
    served: Served, delivery: Make, signed_by: str, believed: str, expected: PostOutcome
) -> None:
    """Every secret in use signs, so the receiver may know either; a stranger's is refused."""

    async def tried() -> PostOutcome:
        async with served(verifying(believed)) as url:
            return await attempt(url, delivery(), secrets=signed_by)

    assert expected == asyncio.run(tried())


@pytest.mark.parametrize("skew_ms", [-MINUTES_10_MS, MINUTES_10_MS])
def test_a_clock_that_is_wrong_is_refused_and_a_clock_set_right_heals_it(
    served: Served, delivery: Make, skew_ms: int
) -> None:
    """Each attempt is signed with its own time, so that nothing old has to be sent again."""

    async def tried() -> list[PostOutcome]:
        async with served(verifying(NEW)) as url:
            wrong = await attempt(url, delivery(), now_ms=lambda: wall_ms() + skew_ms)
            return [wrong, await attempt(url, delivery())]

    assert asyncio.run(tried()) == [PostOutcome.REFUSED, PostOutcome.ACKNOWLEDGED]


def test_a_cloudevent_arrives_as_one_with_its_id_as_the_key_of_idempotence(
    served: Served, delivery: Make
) -> None:
    """The media type of structured mode; the body byte for byte; the same id at every attempt."""
    seen: list[tuple[str, str, bytes]] = []

    async def receive(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((headers["content-type"], headers["webhook-id"], await request.read()))
        return web.Response()

    async def tried() -> None:
        async with served(receive) as url:
            await attempt(url, delivery(number=7))

    asyncio.run(tried())
    assert seen == [
        ("application/cloudevents+json; charset=UTF-8", "north.7", b'{"number":7}'),
    ]


def test_a_redirect_is_refused_and_nothing_reaches_where_it_points(
    served: Served, delivery: Make
) -> None:
    """Who can answer for the receiver must not be able to name another."""
    reached: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    async def tried() -> PostOutcome:
        async with served(elsewhere) as other:

            async def redirect(_request: web.Request) -> web.Response:
                return web.Response(status=307, headers={"location": other})

            async with served(redirect) as url:
                return await attempt(url, delivery())

    assert (asyncio.run(tried()), reached) == (PostOutcome.REDIRECTED, [])


@pytest.mark.parametrize(
    ("status", "expected"), [(500, "failed"), (503, "failed"), (404, "refused")]
)
def test_what_is_no_success_is_no_acknowledgement(
    served: Served, delivery: Make, status: int, expected: str
) -> None:
    """Whoever is at fault."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async def tried() -> PostOutcome:
        async with served(answer) as url:
            return await attempt(url, delivery())

    assert expected == asyncio.run(tried())


def test_a_slow_receiver_is_given_up_after_the_time_out(served: Served, delivery: Make) -> None:
    """It may have understood: the same id makes another attempt harmless."""

    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def tried() -> PostOutcome:
        async with served(hang) as url:
            return await attempt(url, delivery(), timeout_seconds=0.2)

    assert asyncio.run(tried()) == PostOutcome.TIMED_OUT


def test_a_receiver_that_is_away_is_an_outcome_too(delivery: Make) -> None:
    """Nobody listens on a port that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert asyncio.run(attempt(f"http://127.0.0.1:{port}/", delivery())) == PostOutcome.UNREACHABLE


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return a server's context with a certificate for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("name", "trusted", "expected"),
    [
        ("127.0.0.1", "ours", PostOutcome.ACKNOWLEDGED),
        ("127.0.0.1", "another", PostOutcome.UNTRUSTED),
        ("platform.example", "ours", PostOutcome.UNTRUSTED),
    ],
    ids=["our authority", "unknown authority", "another's name"],
)
def test_only_the_receiver_itself_is_believed(
    served: Served,
    delivery: Make,
    tmp_path: Path,
    name: str,
    trusted: str,
    expected: PostOutcome,
) -> None:
    """Its certificate must be of an authority that we trust, and for its name."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    (authority if trusted == "ours" else trustme.CA()).cert_pem.write_to_path(str(ca_file))

    async def tried() -> PostOutcome:
        async with served(accept, tls=server_side(authority, name)) as url:
            return await attempt(url, delivery(), ca_file=str(ca_file))

    assert expected == asyncio.run(tried())


def test_without_a_file_of_its_own_only_the_systems_authorities_count(
    served: Served, delivery: Make
) -> None:
    """A certificate that somebody made is not enough."""

    async def tried() -> PostOutcome:
        async with served(accept, tls=server_side(trustme.CA(), "127.0.0.1")) as url:
            return await attempt(url, delivery())

    assert asyncio.run(tried()) == PostOutcome.UNTRUSTED


@pytest.mark.parametrize(
    ("secrets", "problem"),
    [
        ("", "expected 1 to 4 secrets"),
        ("whsec_!!!!", "expected whsec_ and base64"),
        ("whsec_c2hvcnQ=", "expected 24 to 64 bytes in base64, got 5"),
    ],
)
def test_a_secret_that_cannot_sign_is_refused_without_being_shown(
    secrets: str, problem: str
) -> None:
    """It would end in a log."""
    with pytest.raises(ConfigError, match=f"HEADGATE_HOOK_SECRETS: {problem}") as caught:
        Signer(secrets)
    assert "!!!!" not in str(caught.value)


def test_certificates_that_are_none_are_refused(tmp_path: Path) -> None:
    """Before anything is sent."""
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"hook\.ca_file: expected certificates in PEM"):
        asyncio.run(attempt("https://127.0.0.1/", None, ca_file=str(path)))  # type: ignore[arg-type]
