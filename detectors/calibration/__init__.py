"""Step 5 of 7: scores -> tail probabilities, so that detectors compare and a budget is kept."""
