"""Step 4 of 7: numbers -> scores. One method per file; none knows another."""
