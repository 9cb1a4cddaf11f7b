"""One training loop (loop.py) and the objectives that use it."""
