"""Step 5 of 7: what all institutions usually do, as the reference of each day."""
