"""Log lines: the same records for a person and for a machine, and none can forge another."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import streams
from detectors.instants import parse_rfc3339
from streams.console.logs import LogFormat, formatter

STREAMS: Final = Path(streams.__path__[0])
OPERATIONS: Final = STREAMS.parent / "docs" / "operations.md"
LEVELS: Final = {"debug", "info", "warning", "error", "exception", "critical"}
CREATED_SECONDS: Final = 1_775_044_800.123


def line_of(log_format: LogFormat, event: str, *args: object, **extra: object) -> str:
    """Return the line of a record of a library."""
    record = logging.LogRecord("aiokafka.conn", logging.ERROR, "", 0, event, args, None)
    record.__dict__.update(extra)
    record.created, record.process = CREATED_SECONDS, 7
    return formatter(log_format).format(record)


def test_a_line_for_a_person_is_a_sentence_and_then_keys() -> None:
    """Where it came from first; a value with spaces is quoted, so that one sees where it ends."""
    line = line_of("text", "Lost %s.", "a broker", partition=3, detail="no route", offsets=[1, 2])
    assert line == (
        "2026-04-01T12:00:00.123Z ERROR aiokafka.conn pid=7 Lost a broker. "
        'partition=3 detail="no route" offsets=[1,2]'
    )


def test_a_line_for_a_machine_has_the_same_as_keys() -> None:
    """Time, level, logger, process and event are always there."""
    line = line_of("json", "Lost %s.", "a broker", partition=3)
    assert json.loads(line) == {
        "time": "2026-04-01T12:00:00.123Z",
        "level": "error",
        "logger": "aiokafka.conn",
        "pid": 7,
        "event": "Lost a broker.",
        "partition": 3,
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_failure_stays_one_line(log_format: LogFormat) -> None:
    """The traceback is on it, behind everything else."""
    error = ValueError("bro\nken")
    record = logging.LogRecord(
        "headgate", logging.ERROR, "", 0, "It failed.", None, (type(error), error, None)
    )
    line = formatter(log_format).format(record)
    assert len(line.splitlines()) == 1
    assert "ValueError: bro" in line


NAMES: Final = st.text() | st.text(st.sampled_from('\n\r\x1b\x85\u2028\u202e"\\ =ab'))


@given(sentence=NAMES, name=NAMES)
@example(sentence="x", name='u"\n2026-04-01T12:00:00.123Z INFO headgate pid=1 Ready.')
def test_no_name_can_forge_a_line_or_move_the_cursor(sentence: str, name: str) -> None:
    """Names are written by whoever sends events, and some terminals obey what they are shown."""
    text = line_of("text", "%s", sentence, institution=name)
    assert text.isprintable()
    line = line_of("json", "%s", sentence, institution=name)
    assert line.isprintable()
    read = json.loads(line)
    assert (read["event"], read["institution"]) == (sentence, name)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a logger in the shell, with its place."""
    for path in sorted(STREAMS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "logger"
            ):
                yield f"{path.relative_to(STREAMS)}:{node.lineno}", node


def keys_of(call: ast.Call) -> Iterator[str]:
    """Yield the keys that a call of a logger names."""
    for keyword in call.keywords:
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            yield from (str(ast.literal_eval(key)) for key in keyword.value.keys if key)


def test_an_event_is_one_fixed_sentence() -> None:
    """So that it can be counted and searched for; what varies is in the keys."""
    sites = list(calls())
    assert len(sites) > 20
    for place, call in sites:
        (sentence,) = call.args
        assert isinstance(sentence, ast.Constant), place
        assert re.fullmatch(r"[A-Z][^%]*\.", str(sentence.value)), place


def test_every_key_is_in_the_documentation() -> None:
    """One word a thing, as the glossary has it."""
    section = OPERATIONS.read_text().partition("## Logs")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
    always = {"time", "level", "logger", "pid", "event", "exception"}
    assert documented == {key for _, call in calls() for key in keys_of(call)} | always


def test_times_are_of_one_form() -> None:
    """RFC 3339 in UTC, with milliseconds."""
    time = json.loads(line_of("json", "x"))["time"]
    assert parse_rfc3339(time) == round(CREATED_SECONDS * 1_000)
