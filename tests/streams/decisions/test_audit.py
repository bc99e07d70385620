"""What was changed in the record is found; what was decided in it is whose key it is."""

import random
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from detectors.errors import StateError
from detectors.feedback import Label
from detectors.register import Institution, Registered
from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import (
    Acted,
    AlertSeen,
    AuditEntry,
    Body,
    Configured,
    DecisionMade,
    Declined,
    Labelled,
    Released,
    SourceRecord,
    Tick,
    Verb,
    digest,
)
from detectors.response.verify import verify
from streams.cli.audit import command
from streams.control.keys import public_text
from streams.control.signature import Decision, checked, sign
from streams.response.journal import Journal
from tests.builders import alert_seen

ANN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
DAY_MS = 86_400_000
TOPIC = "t.decisions"
TOPICS = {AlertSeen: "t.alerts", DecisionMade: TOPIC}


def seen(number: int) -> AlertSeen:
    """Return one of many alerts."""
    return alert_seen(
        alert_id=f"a{number}",
        institution=f"i{number % 4}",
        at_ms=number * DAY_MS,
        taken_participants=10 * number,
        user=None,
        project=None,
    )


def decision(number: int, verb: Verb) -> DecisionMade:
    """Return a signed decision."""
    signed = sign(
        Decision(decision_id="d", note="", at_ms=number, verb=verb), ANN, who="ann", topic=TOPIC
    )
    accepted = checked(signed, topic=TOPIC, keys={"ann": ANN.public_key()})
    assert isinstance(accepted, DecisionMade)
    return accepted


def journal() -> list[bytes]:
    """Return a whole journal in which much has happened."""
    modes = Modes(throttle="automatic", suspend="automatic")
    response = ResponseConfig(modes=modes, keys={"ann": public_text(ANN)})
    grown = Journal()
    lines: list[bytes] = []
    configured = Configured(response=response, cohort_size=1_000, config_hash="c", version="1")
    lines += grown.append([(None, configured)], now_ms=0).lines
    for number in range(30):
        bodies: list[Body] = [seen(number)]
        if number % 7 == 6:
            labelled = Labelled(alert_id=f"a{number}", label=Label.CONFIRMED)
            bodies.append(decision(number, labelled))
        if number % 9 == 8:
            entry = Institution(id="i1", jurisdiction=f"j{number}")
            bodies.append(decision(number, Registered(institution="i1", entry=entry)))
        causes = [
            (SourceRecord(topic=TOPICS[type(body)], partition=0, offset=10 * number + place), body)
            for place, body in enumerate(bodies)
        ]
        lines += grown.append(causes, now_ms=number * 10_000_000).lines
    return lines


LINES = journal()
HEAD = digest(LINES[-1])
positions = st.integers(min_value=0, max_value=len(LINES) - 1)


def audit_of(lines: list[bytes], path: Path, *options: str) -> tuple[int, str]:
    """Return exit code and output of `audit verify` on a file."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    result = CliRunner().invoke(command, ["verify", "--file", str(path), *options])
    return result.exit_code, result.output


def test_a_whole_record_is_whole(tmp_path: Path) -> None:
    """And says by which anchor it can be recognised later."""
    code, output = audit_of(LINES, tmp_path / "audit")
    anchor = f"{len(LINES) - 1}:{HEAD}"
    assert (code, output) == (0, f"{len(LINES)} lines, whole\nanchor: {anchor}\n")
    assert audit_of(LINES, tmp_path / "audit", "--anchor", anchor)[0] == 0
    report = msgspec.json.decode(audit_of(LINES, tmp_path / "audit", "--json")[1])
    assert report == {"entries_count": len(LINES), "head": HEAD, "problems": []}


@given(place=positions.filter(lambda place: place < len(LINES) - 1))
def test_a_missing_line_is_found(place: int) -> None:
    """Wherever it was; the last one by its anchor alone."""
    problems = verify(LINES[:place] + LINES[place + 1 :]).problems
    assert problems[0].line == place
    assert problems[0].problem == f"lines {place} to {place} are missing"


@given(place=positions, other=positions)
def test_lines_that_changed_places_are_found(place: int, other: int) -> None:
    """However far apart they were."""
    moved = list(LINES)
    moved[place], moved[other] = moved[other], moved[place]
    assert bool(verify(moved).problems) == (place != other)


@given(place=positions, seed=st.integers())
def test_a_changed_line_is_found(place: int, seed: int) -> None:
    """Each byte of it counts; in the last line, the anchor shows it."""
    line = bytearray(LINES[place])
    line[random.Random(seed).randrange(len(line))] ^= 1
    changed = [*LINES[:place], bytes(line), *LINES[place + 1 :]]
    verification = verify(changed)
    assert bool(verification.problems) or verification.head != HEAD
    if place < len(LINES) - 1:
        assert verification.problems


def test_a_forged_chain_is_found_by_its_acts() -> None:
    """Whoever writes all hashes anew must still explain why somebody was suspended."""
    entries = [msgspec.json.decode(line, type=AuditEntry) for line in LINES]
    place = next(n for n, entry in enumerate(entries) if isinstance(entry.body, Acted)) - 1
    body = entries[place].body
    assert isinstance(body, AlertSeen)
    entries[place] = replace(entries[place], body=replace(body, taken_participants=0))
    problem = verify(chained(entries)).problems[0]
    # By that alert nothing would have followed, and the audit would say why.
    assert problem.line == place + 1
    assert problem.problem.partition(":")[0] == "not what followed from its cause"
    outcomes = [Acted, Declined]
    assert [type(entry.body) for entry in entries[place + 1 : place + 3]] == outcomes
    del entries[place + 1 : place + 3]
    entries = [replace(entry, sequence=number) for number, entry in enumerate(entries)]
    entries[place] = replace(entries[place], body=body)
    problem = verify(chained(entries)).problems[0]
    assert (problem.line, problem.problem.partition(":")[0]) == (place + 1, "missing before it")


def chained(entries: list[AuditEntry]) -> list[bytes]:
    """Return entries under hashes that are right again."""
    lines: list[bytes] = []
    for entry in entries:
        previous = digest(lines[-1]) if lines else entry.previous
        lines.append(msgspec.json.encode(replace(entry, previous=previous), order="sorted"))
    return lines


def test_a_decision_that_nobody_signed_is_found(tmp_path: Path) -> None:
    """Another's name or another verb under the same signature, or what was said elsewhere."""
    entries = [msgspec.json.decode(line, type=AuditEntry) for line in LINES]
    place = next(n for n, entry in enumerate(entries) if isinstance(entry.body, DecisionMade))
    body = entries[place].body
    assert isinstance(body, DecisionMade)
    other = replace(body, verb=Released(suspension_id="s"))
    entries[place] = replace(entries[place], body=other)
    code, output = audit_of(chained(entries), tmp_path / "audit")
    assert (code, f"line {place}: it says something else than what was signed" in output) == (
        1,
        True,
    )
    word = Decision(decision_id="d", note="", at_ms=body.at_ms, verb=body.verb)
    forged = replace(body, jws=sign(word, ANN, who="eve", topic=TOPIC).decode(), who="eve")
    entries[place] = replace(entries[place], body=forged)
    code, output = audit_of(chained(entries), tmp_path / "audit")
    assert (code, f"line {place}: no key is known of 'eve'" in output) == (1, True)
    elsewhere = replace(body, jws=sign(word, ANN, who="ann", topic="u.decisions").decode())
    entries[place] = replace(entries[place], body=elsewhere)
    code, output = audit_of(chained(entries), tmp_path / "audit")
    assert (code, f"line {place}: signed for the topic 'u.decisions'" in output) == (1, True)


def checked_by_an_auditor(lines: list[bytes]) -> "subprocess.CompletedProcess[str]":
    """Run the program of the documentation on an exported audit."""
    page = (Path(__file__).parents[3] / "docs" / "response.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    audit = b"".join(line + b"\n" for line in lines).decode()
    return subprocess.run(
        [sys.executable, "-c", program],
        input=audit,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_auditor_needs_nothing_of_ours() -> None:
    """The program in the documentation checks each decision, and stops at one that was changed."""
    entries = [msgspec.json.decode(line, type=AuditEntry) for line in LINES]
    decisions = [entry for entry in entries if isinstance(entry.body, DecisionMade)]
    audit = checked_by_an_auditor(LINES)
    assert (audit.returncode, audit.stderr) == (0, "")
    assert [f"{entry.sequence} ann" for entry in decisions] == [
        " ".join(line.split(" ")[:2]) for line in audit.stdout.splitlines()
    ]
    last = decisions[-1]
    assert isinstance(last.body, DecisionMade)
    forgeries = [
        replace(last.body, verb=Released(suspension_id="s")),
        replace(last.body, jws=last.body.jws.replace(".", ".e30", 1)),
    ]
    for forged in forgeries:
        entries[last.sequence] = replace(last, body=forged)
        audit = checked_by_an_auditor(chained(entries))
        assert audit.returncode == 1
        assert len(audit.stdout.splitlines()) == len(decisions) - 1


@pytest.mark.parametrize(
    ("lines", "anchor", "problem"),
    [
        pytest.param(LINES[:-1], f"{len(LINES) - 1}:{HEAD}", "anchored, but missing", id="cut off"),
        pytest.param(LINES, "3:abcdef", "not the line that was anchored", id="rewritten"),
    ],
)
def test_an_anchor_shows_what_the_chain_cannot(
    lines: list[bytes], anchor: str, problem: str, tmp_path: Path
) -> None:
    """A record that was cut off, or written anew from some line on."""
    code, output = audit_of(lines, tmp_path / "audit", "--anchor", anchor)
    assert (code, problem in output) == (1, True)


def test_the_same_record_twice_is_found() -> None:
    """An entry stands for one record of its source, once."""
    entries = [msgspec.json.decode(line, type=AuditEntry) for line in LINES[:1]]
    source = SourceRecord(topic="t", partition=0, offset=4)
    tick = Tick()
    entries += [replace(entries[0], sequence=number, source=source, body=tick) for number in (1, 2)]
    (problem,) = verify(chained(entries)).problems
    assert problem.problem == "stands for a record that an earlier line stands for"


def test_nobody_acts_on_a_broken_journal() -> None:
    """The recorder refuses to go on from one: it would chain to what may be a forgery."""
    read = Journal()
    read.read(LINES[0])
    with pytest.raises(StateError, match="does not follow from the one before"):
        read.read(LINES[2])


def test_a_strange_record_among_the_lines_stops_nobody() -> None:
    """Somebody wrote to the topic; the chain goes on beside it, and verify says where."""
    mixed = [LINES[0], b"?", *LINES[1:]]
    read = Journal()
    for line in mixed:
        read.read(line)
    assert (read.head, read.sequence) == (HEAD, len(LINES))
    (problem,) = verify(mixed).problems
    assert (problem.line, problem.problem) == (1, "not an entry of an audit")


def test_an_anchor_is_a_line_and_a_hash(tmp_path: Path) -> None:
    """Anything else is wrong usage."""
    assert audit_of(LINES, tmp_path / "audit", "--anchor", "last")[0] == 2
