"""The same core over files or a topic, without a worker; and why an alert was raised."""
