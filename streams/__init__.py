"""Headgate's shell: Kafka in, effects out. All that touches the world, and no arithmetic."""
