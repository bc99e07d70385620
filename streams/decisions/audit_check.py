"""The lines of an audit -> whether they are whole, signed, and as they were anchored elsewhere."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from detectors.response.decoding import decode_json
from detectors.response.entries import AuditEntry, Configured, DecisionMade, digest
from detectors.response.verify import Problem, Verified, Verifier
from streams.control.signature import signature_problem


class Anchor(Struct, frozen=True, kw_only=True):
    """A line's hash, or its beginning, that was kept elsewhere."""

    line: int
    hash: str


def check_audit(lines: Iterable[bytes], anchors: Sequence[Anchor]) -> Verified:
    """Return what is wrong with the lines.

    Every line is held against the one before, every signature against the keys of its time, every
    action against what the lines before it lead to, and every anchored line against its hash.
    """
    verifier = Verifier()
    problems: list[Problem] = []
    keys: dict[str, str] = {}
    hashes = {anchor.line: anchor.hash for anchor in anchors}
    for number, line in enumerate(lines):
        broken = verifier.take(line)
        problems += broken
        anchored = hashes.pop(number, None)
        if anchored is not None and not digest(line).startswith(anchored):
            problems.append(Problem(line=number, problem="not the line that was anchored"))
        if not broken:
            problems += _unsigned(number, line, keys)
    problems += verifier.finish()
    problems += [Problem(line=number, problem="anchored, but missing") for number in hashes]
    return Verified(
        entries_count=verifier.entries_count, head=verifier.head, problems=tuple(problems)
    )


def _unsigned(number: int, line: bytes, keys: dict[str, str]) -> list[Problem]:
    """Note the keys that hold from this line on, or return what is wrong with its signature."""
    entry = decode_json(line, kind=AuditEntry)
    body = entry.body
    if isinstance(body, Configured):
        keys.clear()
        keys.update(body.response.keys)
    if not isinstance(body, DecisionMade):
        return []
    topic = entry.source.topic if entry.source else ""
    problem = signature_problem(body, topic=topic, keys=keys)
    return [] if problem is None else [Problem(line=number, problem=problem)]
