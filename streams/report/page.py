"""The page: a report's values -> one HTML file that needs nothing else.

The templates escape whatever they are given: names in events are written by whoever sends them.
"""

import functools
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from detectors.instants import instant_of
from detectors.policy.explain import percent
from detectors.registry import is_rule
from streams.console.wording import minute, moment, number, plural, printable, probability, span
from streams.report import chart
from streams.report.flagged import section_of
from streams.report.lines import measure_word, state_word, withheld_text
from streams.report.record import Quiet, Report

_QUIET_SHOWN_MAX: Final = 20
_ALERTS_SHOWN_MAX: Final = 12


def render(report: Report) -> str:
    """Return the whole page as HTML."""
    return (
        _templates()
        .get_template("page.html")
        .render(
            report=report,
            sections=[section_of(flagged, report=report) for flagged in report.flagged],
            quiet=sorted(report.quiet, key=_quiet_rank)[:_QUIET_SHOWN_MAX],
            rejects=sorted(report.rejects.items(), key=lambda item: (-item[1], item[0])),
            truth_known=any(flagged.truth or flagged.really for flagged in report.flagged),
        )
    )


def _shown(value: object) -> object:
    """Return a text as it may be shown; lines stay lines, and what was made as markup stays."""
    return "\n".join(map(printable, value.split("\n"))) if type(value) is str else value


@functools.cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("streams.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "instant": instant_of,
        "measure_word": measure_word,
        "minute": minute,
        "moment": moment,
        "number": number,
        "percent": percent,
        "plural": plural,
        "probability": probability,
        "px": lambda pixels: f"{pixels:.1f}",
        "span": span,
        "state_word": state_word,
        "why_withheld": withheld_text,
    }
    templates.globals |= {"alerts_shown_max": _ALERTS_SHOWN_MAX, "paper": chart, "is_rule": is_rule}
    return templates


def _quiet_rank(quiet: Quiet) -> tuple[float, str]:
    held_ratio = quiet.track.ratio(quiet.track.held_last) if quiet.track else 0.0
    return -held_ratio, quiet.institution
