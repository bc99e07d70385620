"""The report: one self-contained HTML page that says who took too much, and how it is known."""
