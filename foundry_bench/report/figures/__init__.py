"""Figures: of each its data, its drawing and the words under it in one module."""
