"""What the ladder stops, and whom: thefts played against a platform that obeys."""
