"""Claims: sentences of a paper as checks over records, and how each comes out."""
