"""The glossary: one word per thing, each once, and the names beside the words are the code's."""

import ast
import re
from collections import Counter

from tests.old_words import OLD_WORDS
from tests.source_trees import ROOT, trees

ROWS = re.findall(
    r"^\| (\*\*.+?) \| (.+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE
)


def words() -> list[str]:
    """Return every word that is explained, with those that mean the same."""
    return [word for head, _ in ROWS for word in re.findall(r"\*\*(.+?)\*\*", head)]


def names() -> list[str]:
    """Return the names of the code that stand beside a word."""
    return [name for head, _ in ROWS for name in re.findall(r"`(\w+)`", head)]


def defined() -> set[str]:
    """Return every class, function and alias that a module defines."""
    nodes = [node for _, tree in trees("detectors", "streams") for node in tree.body]
    defined = {
        node.name
        for node in nodes
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    targets = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    return defined | {target.id for target in targets if isinstance(target, ast.Name)}


def test_no_word_is_explained_twice() -> None:
    """Neither is a name beside two words."""
    assert [word for word, count in Counter(words()).items() if count > 1] == []
    assert [name for name, count in Counter(names()).items() if count > 1] == []


def test_words_stand_in_the_order_of_the_alphabet() -> None:
    """So that a word is found, and a second meaning beside its first."""
    heads = [re.sub(r"[*`]", "", head).lower().replace("-", " ") for head, _ in ROWS]
    assert heads == sorted(heads)


def test_names_are_those_of_the_code() -> None:
    """Whoever renames a class renames it here; old names are not explained."""
    assert set(names()) - defined() == set()
    assert set(names()) & OLD_WORDS.keys() == set()
    assert len(names()) > 30
