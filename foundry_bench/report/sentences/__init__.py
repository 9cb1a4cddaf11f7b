"""What the numbers say, by rule, in sentences."""
