"""Tables, each with its lines for a CSV: one module a table."""
