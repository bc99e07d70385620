"""Step 1 of 7: foreign formats -> AccessEvent | Rejected, by a mapping declared in config."""
