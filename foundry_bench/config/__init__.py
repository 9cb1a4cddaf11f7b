"""Sweep files: what they may say, and what is wrong with them."""
