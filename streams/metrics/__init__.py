"""Step 7 of 7: Prometheus: every metric in one table, the registry, the server."""
