"""What a partition's own log tells its judges: signed references, configurations, instructions."""
