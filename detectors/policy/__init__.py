"""Step 6 of 7: tail probabilities -> verdicts with reasons, merged into incidents."""
