"""What the rule on result sets tells of thefts by differences, and of those who look like them."""
