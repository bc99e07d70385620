"""Faust, driven in batches: transport, app, assignor, recovery, group."""
