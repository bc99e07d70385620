"""Saved state: the checkpoint protocol, sealed records, and what recovery reads back."""
