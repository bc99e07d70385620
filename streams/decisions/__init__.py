"""What people decide, signed and sent: verbs of a committee, and pushed configurations."""
