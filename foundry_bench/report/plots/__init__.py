"""Figures of a report: one file each, results in, seaborn figure out."""
