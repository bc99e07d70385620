"""How well thefts are found, at how many false alarms. The protocol is in docs/quality.md."""
