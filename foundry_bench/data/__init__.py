"""Datasets: arrays in memory and their splits."""
