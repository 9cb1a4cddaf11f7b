"""A sweep as its runs: what is measured, which runs belong together, and their statistics."""
