"""Step 7 of 7: alerts and decisions -> proportionate, reversible action: a fold of a journal."""
