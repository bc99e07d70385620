"""What is checked before a commit is what `make check` checks, and what the pipeline runs."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PRE_COMMIT = ROOT / ".pre-commit-config.yaml"


def make_commands(target: str) -> list[str]:
    """Return the commands of a target of the Makefile, as a shell would see them."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith(f"{target}:"))
    commands = []
    for line in lines[begin + 1 :]:
        if not line.startswith("\t"):
            break
        commands += re.split(r"\s+&&\s+", line.strip().removeprefix("@"))
    return commands


def test_pre_commit_runs_what_make_check_runs() -> None:
    """The same commands in the same order, each over the whole tree."""
    (repository,) = yaml.safe_load(PRE_COMMIT.read_text())["repos"]
    hooks = repository["hooks"]
    assert [hook["entry"] for hook in hooks] == make_commands("check")
    for hook in hooks:
        assert hook["language"] == "system"
        assert hook["always_run"]
        assert not hook["pass_filenames"]


def test_the_pipeline_runs_make_check() -> None:
    """What passes here passes there."""
    assert "timed make check" in (ROOT / ".ci" / "run").read_text()


def test_pre_commit_takes_its_configuration() -> None:
    """By its own judgement."""
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(PRE_COMMIT)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout
