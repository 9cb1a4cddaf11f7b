"""The folders that ship with the package: `experiments/` and `sweeps/`.

An installed wheel carries them inside itself; a checkout has them at its root.
"""

from pathlib import Path

from foundry_bench.errors import FoundryError
from foundry_bench.registry import nearest

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """The folder that ships under `name`, such as `sweeps` or `experiments/teachers`.

    Raises:
        FoundryError: if the installation lacks it.
    """
    places = [_PACKAGE / "_shipped" / name, _PACKAGE.parent / name]
    for place in places:
        if place.is_dir():
            return place
    raise FoundryError(
        f"{name} ships with foundry-bench, but is neither at {places[0]} nor at {places[1]}; "
        "install foundry-bench again"
    )


def find_sweep(given: Path) -> Path:
    """The sweep file `given`, or the shipped one of that name where there is no such file.

    Raises:
        FoundryError: if there is neither, with the nearest of those that ship.
    """
    if given.exists():
        return given
    folder = shipped("sweeps")
    name = given.relative_to("sweeps") if given.is_relative_to("sweeps") else given
    wanted = folder / name.with_suffix(".yaml")
    if not given.is_absolute() and ".." not in given.parts and wanted.is_file():
        return wanted
    known = [str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")]
    raise FoundryError(f"{given}: there is no such file{nearest(given.stem, known)}")
