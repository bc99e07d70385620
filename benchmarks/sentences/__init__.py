"""Every number of every sentence, recomputed from the raw events."""
