"""All classes in the order of their labels, and all parts in the order of theirs.

A new class goes to the end of its theme; labels move, so raise `GENERATOR_VERSION`.
"""

from foundry_bench.data.shapes.furniture import FURNITURE
from foundry_bench.data.shapes.instruments import INSTRUMENTS
from foundry_bench.data.shapes.plants import PLANTS
from foundry_bench.data.shapes.recipe import Recipe
from foundry_bench.data.shapes.tools import TOOLS
from foundry_bench.data.shapes.vehicles import VEHICLES
from foundry_bench.data.shapes.vessels import VESSELS

RECIPES: tuple[Recipe, ...] = FURNITURE + VESSELS + VEHICLES + TOOLS + PLANTS + INSTRUMENTS
CLASSES: tuple[str, ...] = tuple(recipe.name for recipe in RECIPES)
PARTS: tuple[str, ...] = tuple(
    f"{recipe.name}/{part}" for recipe in RECIPES for part in recipe.parts
)
PART_INDEX: dict[str, int] = {name: index for index, name in enumerate(PARTS)}
