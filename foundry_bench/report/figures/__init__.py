"""Figure data -> drawings: one module a kind of figure."""
