"""How well thefts are found, at how many false alarms, beside the usual ways. See docs/quality.md."""
