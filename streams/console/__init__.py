"""What a terminal shows: log lines, progress, wording."""
