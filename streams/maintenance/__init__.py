"""What is done once in a while to a whole deployment."""
