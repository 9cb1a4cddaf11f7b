"""Procedural point clouds with class and part labels: the dataset that needs no download.

A class is a recipe (`furniture.py`, `vessels.py`, ...): a function from dice to the pieces of
its parts. To add one, write such a function, list it with its parts at the end of the file, and
raise `GENERATOR_VERSION`.
"""

from foundry_bench.data.shapes.catalogue import CLASSES, PARTS
from foundry_bench.data.shapes.generate import GENERATOR_VERSION, STREAMS, Clouds, generate

__all__ = ["CLASSES", "GENERATOR_VERSION", "PARTS", "STREAMS", "Clouds", "generate"]
