"""Step 7 of 7: the suspensions topic -> a platform's webhook, until it has acknowledged."""
