"""A person decides, from a command: with their key, under the name that the configuration has."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.errors import ConfigError
from detectors.response.entries import Verb
from streams.clock import wall_ms
from streams.control.keys import load_private_key, public_text
from streams.control.signature import Decision, sign
from streams.kafka.records import OutgoingRecord
from streams.kafka.send import send
from streams.kafka.topics import DECISIONS
from streams.settings.settings import Settings
from streams.settings.variables import DECISION_KEY_VARIABLE

_NO_KEY: Final = "expected the path of your private key there, or in --key"
_KEYS_PATH: Final = "response.keys"


def decide(settings: Settings, *verbs: Verb, key_path: Path | None, note: str) -> str:
    """Sign decisions, send them in their order, and return in whose name.

    Raises:
        ConfigError: there is no key, or the configuration knows nobody by it.
        HeadgateError: a decision is too large; then none was sent.
    """
    if key_path is None:
        raise ConfigError(DECISION_KEY_VARIABLE, _NO_KEY)
    key = load_private_key(key_path)
    who = signer(key, settings.file.response.keys)
    topic = DECISIONS.full_name(settings.file.kafka.topic_prefix)
    records = [decision_record(verb, key, who=who, note=note, topic=topic) for verb in verbs]
    send(records, cluster=settings.cluster)
    return who


def decision_record(
    verb: Verb, key: Ed25519PrivateKey, *, who: str, note: str, topic: str
) -> OutgoingRecord:
    """Return the record of a decision that is made now."""
    decision = Decision(decision_id=secrets.token_hex(16), note=note, at_ms=wall_ms(), verb=verb)
    value = sign(decision, key, who=who, topic=topic)
    return OutgoingRecord(topic=topic, key=who.encode(), value=value, partition=0)


def signer(key: Ed25519PrivateKey, names: Mapping[str, str]) -> str:
    """Return under which name the configuration lists a key.

    Raises:
        ConfigError: it lists it under none.
    """
    public = public_text(key)
    who = next((name for name, text in names.items() if text == public), None)
    if who is None:
        raise ConfigError(path=_KEYS_PATH, problem=f"nobody has the public key {public}")
    return who
