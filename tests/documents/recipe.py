"""A recipe of CONTRIBUTING.md: its blocks, and what becomes of a tree when they are followed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path(__file__).parents[2]
# What a recipe may change or run, and nothing that only takes time to copy.
COPIED: Final = (
    "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "README.md", "detectors", "docker", "docs",
    "grafana", "mkdocs.yml", "pyproject.toml", "streams", "tests",
)  # fmt: skip
_BLOCK: Final = re.compile(
    r"^```(?P<language>\w+)(?: (?P<verb>title|append)=\"(?P<path>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_SECONDS_MAX: Final = 300


class Block(Struct, frozen=True):
    """One fenced block: a file, an addition or a change to one, or commands."""

    language: str
    verb: str | None
    path: str
    text: str


def blocks(title: str) -> list[Block]:
    """Return the blocks of the recipe with this title."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    _, _, rest = page.partition(f"## Recipe: {title}\n")
    section = re.split(r"^## Recipe: ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return [
        Block(block["language"], block["verb"], block["path"] or "", block["text"])
        for block in _BLOCK.finditer(section)
    ]


def changed(text: str, diff: str) -> str:
    r"""Return `text` after the hunks of `diff`, each of which fits one place.

    >>> changed("a\nb\nc\n", " a\n-b\n+B\n")
    'a\nB\nc\n'
    """
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = [(line[:1], line[1:]) for line in hunk.splitlines(keepends=True)]
        before = "".join(rest for sign, rest in lines if sign != "+")
        after = "".join(rest for sign, rest in lines if sign != "-")
        places = [place.start() for place in re.finditer(f"(?m)^{re.escape(before)}", text)]
        assert len(places) == 1, f"{len(places)} places for\n{before}"
        text = text[: places[0]] + after + text[places[0] + len(before) :]
    return text


def copy_tree(target: Path) -> None:
    """Copy the tree to `target`, with the environment of whoever runs this."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    (target / ".venv").symlink_to(sys.prefix)


def follow(block: Block, tree: Path) -> None:
    """Do in `tree` what one block says."""
    if block.language == "sh":
        for line in block.text.splitlines():
            run(line, tree)
        return
    path = tree / block.path
    if block.language == "diff":
        path.write_text(changed(path.read_text(), block.text))
    elif block.verb == "append":
        path.write_text(path.read_text() + block.text)
    else:
        assert not path.exists(), path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)


def run(line: str, tree: Path) -> None:
    """Run one command in `tree`, whose packages are those that are imported; it must end well."""
    words = shlex.split(line)
    if words[0].endswith("/pytest"):
        words += ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not kafka"]
    ended = subprocess.run(
        words,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
