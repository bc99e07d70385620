"""Step 7 of 7: one signed POST -> an outcome. What goes wrong is a value, never an error."""

import ssl
from collections.abc import Callable
from typing import Final, Self

import aiohttp

from detectors.errors import ConfigError
from streams.clock import wall_ms
from streams.hooks.config import HookConfig
from streams.hooks.delivery import Delivery, PostOutcome, outcome_of
from streams.hooks.signature import Signer

_CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"


class WebhookPoster:
    """Posts to one receiver; connections are kept. An asynchronous context manager."""

    __slots__ = ("_now_ms", "_session", "_signer", "_url")

    def __init__(
        self,
        url: str,
        *,
        config: HookConfig,
        signer: Signer,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: the certificates cannot be read.
        """
        self._url = url
        self._signer = signer
        self._now_ms = now_ms
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_tls_context(config), limit=config.concurrency_max),
            timeout=aiohttp.ClientTimeout(total=config.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"content-type": _CONTENT_TYPE, "user-agent": "headgate"},
        )

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Make one attempt. Each is signed anew: its time says how old a copy of it is."""
        headers = self._signer.headers(delivery.id, delivery.body, at_ms=self._now_ms())
        try:
            async with self._session.post(
                self._url, data=delivery.body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                return outcome_of(answer.status)
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch):
            return PostOutcome.UNTRUSTED
        except TimeoutError:
            return PostOutcome.TIMED_OUT
        except (aiohttp.ClientError, OSError):
            return PostOutcome.UNREACHABLE


def _tls_context(config: HookConfig) -> ssl.SSLContext:
    """Return what verifies the receiver's certificate and its name."""
    if config.ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except (OSError, ssl.SSLError) as error:
        problem = f"expected certificates in PEM, but {config.ca_file}: {error}"
        raise ConfigError(path="hook.ca_file", problem=problem) from error
