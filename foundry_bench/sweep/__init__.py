"""A sweep: its trials, and how they run."""
