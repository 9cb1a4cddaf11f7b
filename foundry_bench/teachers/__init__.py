"""Frozen self-supervised teachers, one file a family."""
