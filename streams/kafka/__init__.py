"""How Kafka is met: topics, security, producers, and readers of what is committed."""
