"""Grafana's files: as the code makes them, sound, readable, and about metrics that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from grafana.files import DATASOURCE_UID, ROOT, alert_rules, files
from grafana.taking import INSTITUTION_PAGE
from streams.metrics.hook_table import HOOK_SPECS
from streams.metrics.table import SPECS

DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
DOCS = ROOT.parent / "docs"
RULES = ROOT.parent / "docker" / "prometheus" / "headgate.rules.yml"
COLUMNS = 24
# What fits below Grafana's own header at 1600x1000, at 38 pixels a unit.
SCREEN_UNITS = 23
# The schema of Grafana 9.0, which every later one migrates; 9.3 itself writes 37.
SCHEMA_MAX = 37
# Panels of Grafana itself since 9.0: nothing has to be installed.
PANELS = {"stat", "table", "timeseries", "text"}
OKABE_ITO = {"#0072B2", "#56B4E9", "#009E73", "#F0E442", "#E69F00", "#D55E00", "#CC79A7"}

Document = dict[str, object]


def loaded(path: Path) -> Document:
    """Return a dashboard."""
    document: Document = json.loads(path.read_text())
    return document


def within(value: object, key: str) -> Iterator[object]:
    """Yield what stands under `key`, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from within(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from within(inner, key)


def panels(document: Document) -> list[Document]:
    """Return the panels of a dashboard."""
    all_panels = document["panels"]
    assert isinstance(all_panels, list)
    return all_panels


@pytest.mark.parametrize("path", files(), ids=str)
def test_the_files_are_what_the_code_makes(path: str) -> None:
    """Or `python -m grafana` was forgotten."""
    assert files()[path] == (ROOT / path).read_text()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_grafana_from_9_3_reads_it(path: Path) -> None:
    """Its schema is older than theirs, and its panels are among their own."""
    document = loaded(path)
    schema = document["schemaVersion"]
    assert isinstance(schema, int)
    assert schema <= SCHEMA_MAX
    assert {panel["type"] for panel in panels(document)} <= PANELS
    assert path.stem == document["uid"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_over_another(path: Path) -> None:
    """Each has its own units of the grid, and an id of its own."""
    taken: dict[tuple[int, int], object] = {}
    for panel in panels(loaded(path)):
        place = panel["gridPos"]
        assert isinstance(place, dict)
        left, top = place.get("x", 0), place.get("y", 0)
        for unit in (
            (x, y) for x in range(left, left + place["w"]) for y in range(top, top + place["h"])
        ):
            assert unit[0] < COLUMNS
            assert taken.setdefault(unit, panel["id"]) == panel["id"]


def test_the_first_question_is_answered_without_scrolling() -> None:
    """On a screen of 1600x1000."""
    places = [
        panel["gridPos"] for panel in panels(loaded(ROOT / "dashboards" / "headgate-taking.json"))
    ]
    assert (
        max(place.get("y", 0) + place["h"] for place in places if isinstance(place, dict))
        <= SCREEN_UNITS
    )


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_explains_itself(path: Path) -> None:
    """A title, a sentence, a unit, and something to show when there is nothing."""
    for panel in panels(loaded(path)):
        assert panel["title"]
        if panel["type"] == "text":
            continue
        assert panel["description"], panel["title"]
        (defaults,) = within(panel, "defaults")
        assert isinstance(defaults, dict)
        assert defaults.get("noValue"), panel["title"]
        assert panel["type"] == "table" or defaults.get("unit"), panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_colours_that_mean_something_are_seen_by_all(path: Path) -> None:
    """From a palette that the colour-blind tell apart, and severities are said in words too."""
    document = panels(loaded(path))
    shades = {
        shade
        for key in ("color", "fixedColor")
        for shade in within(document, key)
        if isinstance(shade, str)
    }
    assert shades <= OKABE_ITO


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_alerts_and_suspensions_are_marked_on_every_graph(path: Path) -> None:
    """So that a curve's bend can be told from its cause."""
    (marks,) = within(loaded(path)["annotations"], "list")
    assert isinstance(marks, list)
    assert {mark["name"] for mark in marks} == {"Alerts", "Suspensions"}


def test_the_overview_leads_to_one_institutions_page() -> None:
    """With the institution, the data source and the time that one was looking at."""
    links = list(within(loaded(ROOT / "dashboards" / "headgate-taking.json"), "url"))
    assert f"{INSTITUTION_PAGE}&var-institution=${{__value.text}}" in links
    names = [variable["name"] for variable in _variables("headgate-institution")]
    assert names == ["datasource", "institution"]
    assert "headgate-institution" in {path.stem for path in DASHBOARDS}


def _variables(uid: str) -> list[dict[str, object]]:
    (variables,) = within(loaded(ROOT / "dashboards" / f"{uid}.json")["templating"], "list")
    assert isinstance(variables, list)
    return variables


def test_the_overview_can_be_narrowed() -> None:
    """To an institution, a dataset, a jurisdiction."""
    names = [variable["name"] for variable in _variables("headgate-taking")]
    assert names == ["datasource", "jurisdiction", "institution", "dataset"]


def test_grafana_knows_what_its_files_refer_to() -> None:
    """The data source of the rules, and the contact points of the policies."""
    sources = yaml.safe_load((ROOT / "provisioning/datasources/headgate.yml").read_text())
    assert [source["uid"] for source in sources["datasources"]] == [DATASOURCE_UID]
    used = set(within(alert_rules(), "datasourceUid"))
    assert used == {DATASOURCE_UID, "__expr__"}
    contacts = yaml.safe_load((ROOT / "provisioning/alerting/contacts.yml").read_text())
    named = {contact["name"] for contact in contacts["contactPoints"]}
    assert set(within(contacts["policies"], "receiver")) == named


def test_grafanas_rules_say_what_prometheus_rules_say() -> None:
    """All of them, in words that Grafana knows."""
    theirs = yaml.safe_load(RULES.read_text())
    titles = list(within(alert_rules(), "title"))
    assert titles == list(within(theirs, "alert"))
    text = json.dumps(alert_rules())
    assert "$externalLabels" not in text
    assert not re.search(r"\$value\b", text)


def test_every_metric_is_looked_at_and_every_name_exists() -> None:
    """Dashboards and rules name no metric in vain, and none is served in vain."""
    text = "".join(path.read_text() for path in (*DASHBOARDS, RULES))
    named = set(re.findall(r"headgate_[a-z_]+", text))
    assert unknown(named) == set()
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} | named
    assert {spec.name for spec in (*SPECS, *HOOK_SPECS)} - bases == set()


@pytest.mark.parametrize(
    "page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS))
)
def test_no_page_names_a_metric_that_does_not_exist(page: Path) -> None:
    """A runbook is read at night: it must not send anybody to look for nothing."""
    assert unknown(set(re.findall(r"\bheadgate_[a-z_]+", page.read_text()))) == set()


def unknown(names: set[str]) -> set[str]:
    """Return the names that nobody serves."""
    served = {spec.name for spec in (*SPECS, *HOOK_SPECS)}
    served |= {
        f"{spec.name}_{part}"
        for spec in (*SPECS, *HOOK_SPECS)
        if spec.kind == "histogram"
        for part in ("bucket", "sum", "count")
    }
    # A page may speak of `headgate_hook_*`.
    return {name for name in names - served if not (name[-1] == "_" and _begins_some(name, served))}


def _begins_some(prefix: str, names: set[str]) -> bool:
    return any(name.startswith(prefix) for name in names)
