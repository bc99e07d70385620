"""One word per thing, and the field's word: what the code was called once stays away."""

import ast
import re
from pathlib import Path

from tests.old_words import EMPTY_NAMES, OLD_WORDS
from tests.source_trees import ROOT, identifiers, parsed, sources

# A synthetic world's institutions and projects are what the register's entries are about.
OF_THE_WORLDS = frozenset({"Institution", "Project"})
EVERYWHERE = ("detectors", "streams", "tests", "benchmarks", "grafana")
# A field of benchmarks/speed/latest.json: figures are on record under its name.
STORED_NAMES = frozenset(
    {("benchmarks/speed/results.py", "one"), ("benchmarks/speed/scaling.py", "one")}
)


def old_names(path: Path) -> list[str]:
    """Return the identifiers of a file that have a better word, with their lines and that word."""
    return [
        f"{path}:{line}: {name}, now {OLD_WORDS[name]}"
        for line, name in identifiers(path)
        if name in OLD_WORDS
    ]


def test_old_words_stay_away() -> None:
    """As whole identifiers; sentences may say what they like."""
    assert [name for path in sources(*EVERYWHERE) for name in old_names(path)] == []


def test_values_are_named_after_what_they_are() -> None:
    """A name that says only that there is a result says nothing; a stored field keeps its name."""
    lines = {
        (str(path.relative_to(ROOT)), name): line
        for path in sources(*EVERYWHERE)
        for line, name in identifiers(path)
        if name in EMPTY_NAMES
    }
    # An exception that is none any more is wrong as well.
    wrong = {names: lines.get(names) for names in lines.keys() ^ STORED_NAMES}
    assert wrong == {}


def test_no_file_bears_an_old_word() -> None:
    """A file is named after what is in it."""
    named = [str(path) for path in sources(*EVERYWHERE) if path.stem in OLD_WORDS]
    assert named == []


def test_an_old_word_is_seen(tmp_path: Path) -> None:
    """In code, not in a comment or a string."""
    path = tmp_path / "module.py"
    path.write_text('# Steward\nname = "Steward"\nSteward = name\n')
    assert old_names(path) == [f"{path}:3: Steward, now WorkerLifecycle"]


def test_events_are_rejected_and_never_refused() -> None:
    """What can be read and does not take effect is refused: that is another thing, and later."""
    rooms = [*sources("streams/ingest"), ROOT / "streams" / "sinks" / "dead_letters.py"]
    assert [str(path) for path in rooms if "refus" in path.read_text().lower()] == []


def test_no_two_modules_define_one_name() -> None:
    """A public class or alias of one name is one thing; private ones are their module's own."""
    modules: dict[str, list[str]] = {}
    for path in sources("detectors", "streams"):
        for name in public_types(parsed(path)):
            modules.setdefault(name, []).append(str(path.relative_to(ROOT)))
    shared = {name: paths for name, paths in modules.items() if len(paths) > 1}
    assert {name: paths for name, paths in shared.items() if name not in OF_THE_WORLDS} == {}


def public_types(tree: ast.Module) -> set[str]:
    """Return the classes and aliases of types that a module defines."""
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    targets = [
        target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    ]
    names = classes | {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if re.match(r"[A-Z]\w*[a-z]", name)}


def test_nothing_durable_is_a_list_of_anything() -> None:
    """What is told apart by isinstance is lost in silence where it is of no type that was meant."""
    pattern = re.compile(r"\blist\[object\]")
    paths = [path for path in sources("detectors", "streams") if pattern.search(path.read_text())]
    assert [str(path) for path in paths] == []
