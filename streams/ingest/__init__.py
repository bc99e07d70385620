"""Step 1 of 7: bytes and rows of any source -> access events, or rejects with a reason."""
