"""Step 7 of 7: alerts, decisions and the register -> one chained journal, and what follows."""
