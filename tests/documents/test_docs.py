"""The documentation holds: it builds, its commands exist, its paths are there."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
import yaml

from streams.cli import headgate
from streams.exits import ExitCode

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
OURS = ("benchmarks", "detectors", "docker", "docs", "grafana", "streams", "tests")
# Kafka's own tools, a container engine and what every Unix has; their use is shown elsewhere.
TOOLS = {
    "cd", "curl", "docker", "export", "kafka-consumer-groups", "kafka-topics", "lint-imports",
    "make", "openssl", "pip", "printf", "pytest", "python", "sh",
}  # fmt: skip


def shell_lines(page: Path) -> list[str]:
    """Return the commands of a page's shell blocks, without comments and variables before them."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    bare = (re.sub(r"^(?:[A-Z_]+=(?:\"[^\"]*\"|\S+)\s+)+", "", line.strip()) for line in lines)
    plain = [line.removeprefix(".venv/bin/") for line in bare]
    return [line for line in plain if line and not line.startswith("#")]


def commands(page: Path) -> list[list[str]]:
    """Return every `headgate` command of a page's shell blocks, word by word."""
    piped = [part.strip() for line in shell_lines(page) for part in line.split(" | ")]
    return [_words(part) for part in piped if part.startswith("headgate ")]


def mentions(page: Path) -> list[list[str]]:
    """Return the commands that a page's sentences speak of, often without their arguments."""
    lines = re.findall(r"(?<!`)`(headgate [^`|\[]+)`(?!`)", page.read_text())
    return [_words(line) for line in lines]


def _words(line: str) -> list[str]:
    return shlex.split(_plain(line), comments=True)


def _plain(line: str) -> str:
    """Return a command without what the shell does with it."""
    return re.sub(r"\s(?:>\s.*|&\s*(?:#.*)?)$", "", line)


def parse(words: list[str]) -> None:
    """Parse a whole command line as the program would; raise what it would say."""
    command, options = parse_options(words)
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and parameter.required:
            given = options.get(str(parameter.name))
            assert isinstance(given, str | tuple), f"{words}: {parameter.name} is missing"
            assert given


def parse_options(words: list[str]) -> tuple[click.Command, Mapping[str, object]]:
    """Return the command and its options; raise if there is none such."""
    command: click.Command = headgate
    context = click.Context(headgate)
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"no command {rest[0]}"
        context = click.Context(inner, parent=context, info_name=rest[0])
        command, rest = inner, rest[1:]
    options, left, _ = command.make_parser(context).parse_args(list(rest))
    assert left == []
    return command, options


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_is_one_that_exists(page: Path) -> None:
    """With each of its options, and in a shell block with its arguments too."""
    for check, calls in ((parse, commands(page)), (parse_options, mentions(page))):
        for words in calls:
            try:
                check(words)
            except click.UsageError as error:
                pytest.fail(f"{shlex.join(words)}: {error.format_message()}")


def test_a_command_that_does_not_exist_is_found() -> None:
    """The test above bites."""
    with pytest.raises(click.UsageError):
        parse(["headgate", "replay", "--repotr", "x.html", "e.jsonl"])
    with pytest.raises(AssertionError):
        parse(["headgate", "suspension", "list"])
    with pytest.raises(AssertionError):
        parse(["headgate", "audit", "erase", "--config", "x.toml"])


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_other_command_is_known(page: Path) -> None:
    """A module of ours that can be run, or a tool that the reader has."""
    for line in shell_lines(page):
        first = re.split(r"[\s(]", line)[0]
        assert first == "headgate" or first in TOOLS, line
    modules = re.findall(r"python -m ([a-z_.]+)", page.read_text())
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """By its path from the root of the repository."""
    named = re.findall(rf"`((?:{'|'.join(OURS)})/[\w./-]*)`", page.read_text())
    local_files = {"docker/.env"}
    assert [path for path in named if path not in local_files and not (ROOT / path).exists()] == []


def test_what_is_started_in_containers_is_there() -> None:
    """The services that are scaled, and the file that names them."""
    services = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())["services"]
    lines = [line for page in PAGES for line in shell_lines(page) if line.startswith("docker")]
    assert lines
    for line in lines:
        assert "--file docker/compose.yml" in line
        scaled = re.findall(r"--scale (\w+)=", line)
        assert set(scaled) <= set(services)


def test_a_supervisor_is_told_what_a_restart_does_not_heal() -> None:
    """A worker whose state or configuration is refused would be started for ever."""
    text = (ROOT / "docs" / "operations.md").read_text()
    (codes,) = re.findall(r"RestartPreventExitStatus=(.*)", text)
    hopeless = {2, ExitCode.OFFSET_GAP, ExitCode.STATE_REFUSED, ExitCode.TOO_MANY_DEAD_LETTERS}
    assert {int(code) for code in codes.split()} == hopeless


def test_every_page_is_once_in_the_contents() -> None:
    """But for decisions and the cards of detectors, which have indexes of their own."""
    contents = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = re.findall(r"[\w/]+\.md", json.dumps(contents))
    docs = ROOT / "docs"
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    indexes = {"decisions/index.md", "detectors/index.md"}
    indexed = {page for page in pages if page.startswith(("decisions/", "detectors/"))} - indexes
    assert sorted(listed) == sorted(pages - indexed)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Every page in its place, every link and anchor leading somewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        # The theme's makers announce its successor on every build.
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "WARNING" not in ended.stderr
    assert (tmp_path / "runbook" / "index.html").exists()
