"""Step 3 of 7: event -> numbers, per institution."""
