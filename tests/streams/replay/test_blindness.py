"""A replay that could not see says so first, and ends with a code of its own."""

import bz2
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.replay import BLIND, command

HEADGATE = [sys.executable, "-c", "from streams.cli import main; main()"]
NOON_MS = 1_775_044_800_000


def line(number: int, **changes: object) -> str:
    """Return one event as a line."""
    event = {
        "id": f"e-{number}",
        "time": NOON_MS + number * 60_000,
        "institution": "north",
        "dataset": "imaging",
        "bytes": 100,
        "participants": {"ids": [number]},
    }
    return json.dumps(event | changes) + "\n"


def replayed(path: Path, *more: str) -> Result:
    """Return what the command prints and ends with."""
    return CliRunner().invoke(command, [str(path), *more])


@pytest.mark.parametrize(
    ("content", "first", "hint"),
    [
        (b"", "nothing was judged", None),
        (b"hello\n" * 3, "nothing was judged", "[mapping] in --config"),
        (bz2.compress(line(1).encode()), "nothing was judged", "this is bzip2"),
        (b"[" + line(1).strip().encode() + b"]", "nothing was judged", "one JSON array"),
        (line(1).encode() + b"x\n" * 3, "most was not judged: 3 rejected", "--dead-letters"),
        (line(1, participants=None).encode(), "nobody was seen", None),
        (line(1, time=0).encode(), "nothing was judged", "time_far_past"),
    ],
    ids=["empty", "text", "bzip2", "an array", "mostly text", "nobody", "too old"],
)  # fmt: skip
def test_a_blind_replay_is_no_quiet_one(
    tmp_path: Path, content: bytes, first: str, hint: str | None
) -> None:
    """The first line says what was not seen, an example and a hint follow, the code is not 0."""
    path = tmp_path / "log"
    path.write_bytes(content)
    result = replayed(path)
    assert result.exit_code == BLIND
    lines = [text for text in result.output.splitlines() if text]
    assert any(text.startswith(first) for text in lines[:2])
    assert hint is None or hint in result.output
    report = json.loads(replayed(path, "--json").stdout)
    assert report["notes"][0].startswith(first)


def test_a_file_that_cannot_be_read_is_told_beside_good_ones(tmp_path: Path) -> None:
    """However many good ones there are."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("".join(map(line, range(50))))
    bad.write_text("text\n" * 5)
    result = replayed(good, str(bad))
    assert result.exit_code == BLIND
    assert f"most of {bad} was not judged: 5 rejected, 0 read" in result.output


@pytest.mark.parametrize("content", [line(1).encode("utf-16"), b"\x1f\x8b\x08damaged", b"a\rb\r"])
def test_what_is_no_log_ends_with_2_and_one_line(tmp_path: Path, content: bytes) -> None:
    """No traceback."""
    path = tmp_path / "log"
    path.write_bytes(content)
    done = subprocess.run([*HEADGATE, "replay", path], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


def test_a_high_share_of_repeats_is_told(tmp_path: Path) -> None:
    """By institution: they count once."""
    path = tmp_path / "log"
    path.write_text("".join(line(number % 15) for number in range(20)) + line(0, bytes=7))
    result = replayed(path)
    assert "north (5 of 21 events, 24 %)" in result.output
    path.write_text("".join(map(line, range(20))))
    assert "repeat" not in replayed(path).output


def test_a_replay_that_sees_ends_with_0_and_says_what_was_mended(tmp_path: Path) -> None:
    """A few rejects, and events judged in part, do not make it blind."""
    path = tmp_path / "log"
    text = "".join(line(number, client="x" * 2_000) for number in range(5)) + "x\n"
    path.write_text(text)
    result = replayed(path)
    assert result.exit_code == 0
    assert "judged in part: north (text_cut 5)" in result.output


def test_files_are_judged_as_one_log_and_a_disordered_one_is_told(tmp_path: Path) -> None:
    """Two halves of a log, given as two files or one behind the other in one."""
    halves = [[line(number) for number in range(place, 200, 2)] for place in (0, 1)]
    first, second, both = (tmp_path / name for name in ("first", "second", "both"))
    first.write_text("".join(halves[0]))
    second.write_text("".join(halves[1]))
    both.write_text("".join(halves[0] + halves[1]))
    merged = CliRunner().invoke(command, [str(first), str(second)]).output
    unsorted, sort = replayed(both).output, replayed(both, "--sort").output
    assert "came more than an hour after younger ones" not in merged
    assert "run again with --sort" in unsorted
    assert (
        merged.splitlines()[2:] == [text for text in sort.splitlines() if "--sort" not in text][2:]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["-", "-"],
        ["log", "--dead-letters", "log"],
        ["log", "--alerts", "./log"],
        ["log", "--alerts", "out", "--report", "out"],
    ],
    ids=" ".join,
)
def test_nothing_is_read_twice_at_once_or_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """An option too few must not cost the evidence."""
    monkeypatch.chdir(tmp_path)
    Path("log").write_text(line(1))
    assert CliRunner().invoke(command, arguments).exit_code == 2
    assert Path("log").read_text() == line(1)
