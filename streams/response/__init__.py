"""Step 7 of 7: alerts and decisions -> the chained journal, and the suspensions that follow."""
