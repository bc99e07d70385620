"""Step 7 of 7: who signs. HMAC-SHA256 over id, time and body, as Standard Webhooks 1.0 has it.

Every secret in use signs, so that sender and receiver can change theirs at different times.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from standardwebhooks import Webhook

from detectors.errors import ConfigError
from detectors.instants import SECOND_MS, instant_of
from streams.hooks.config import HOOK_SECRETS_VARIABLE

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how secrets begin, not one.
_SECRET_BYTES_MIN: Final = 24
_SECRET_BYTES_MAX: Final = 64
_SECRETS_MAX: Final = 4


class Signer:
    """Signs with every secret in use.

    >>> signer = Signer("whsec_" + "c2l4dGVlbiBhbmQgZWlnaHQgbW9yZSBieXRlcw==")
    >>> signer.headers("e-1", "{}", at_ms=1_700_000_000_000)["webhook-signature"]
    'v1,qCsY7yhYKml+6sbdch9iKOw5FGd1FB79m/Bl+llCcB8='
    """

    __slots__ = ("_keys",)

    def __init__(self, secrets: str) -> None:
        """Take `secret` or `current,previous`.

        Raises:
            ConfigError: one of them cannot sign, or there are none or too many.
        """
        named = [secret.strip() for secret in secrets.split(",") if secret.strip()]
        if not 1 <= len(named) <= _SECRETS_MAX:
            problem = f"expected 1 to {_SECRETS_MAX} secrets, separated by commas"
            raise ConfigError(HOOK_SECRETS_VARIABLE, problem)
        self._keys = [Webhook(_secret_bytes(secret)) for secret in named]

    def headers(self, message_id: str, body: str, *, at_ms: int) -> Mapping[str, str]:
        """Return the headers by which the receiver knows us, for an attempt made at `at_ms`."""
        at = instant_of(at_ms)
        signatures = (key.sign(message_id, at, body) for key in self._keys)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(at_ms // SECOND_MS),
            "webhook-signature": " ".join(signatures),
        }


def _secret_bytes(secret: str) -> bytes:
    """Return the key; the secret itself is in no message."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        problem = f"expected {SECRET_PREFIX} and base64"
        raise ConfigError(HOOK_SECRETS_VARIABLE, problem) from error
    if not _SECRET_BYTES_MIN <= len(key) <= _SECRET_BYTES_MAX:
        problem = (
            f"expected {_SECRET_BYTES_MIN} to {_SECRET_BYTES_MAX} bytes in base64, got {len(key)}"
        )
        raise ConfigError(HOOK_SECRETS_VARIABLE, problem)
    return key
