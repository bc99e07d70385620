"""Headgate's core: a pure function from one institution's events to judgements."""
