"""What a backbone costs."""
