"""Prometheus: every metric in one table, the registry, the server."""
