"""Tables that stay readable on a narrow screen and to a screen reader."""

from collections.abc import Iterable, Sequence
from html import escape


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str) -> str:
    """Return a table of ready-made HTML cells; a head that begins with `#` is a number column."""
    marks = [' class="n"' if head.startswith("#") else "" for head in heads]
    head = "".join(
        f'<th scope="col"{mark}>{escape(name.removeprefix("#"))}</th>'
        for mark, name in zip(marks, heads, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
