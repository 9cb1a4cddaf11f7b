"""The code that a cluster's workers get: this package, what ships with it, and plug-ins."""

import shutil
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foundry_bench.registry import ENTRY_POINT_GROUP
from foundry_bench.resources import shipped

PACKAGE = "foundry_bench"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def shipped_code(folder: Path) -> dict[str, Any]:
    """Collect in `folder` what workers import, whether it is installed as a wheel or a checkout;
    gives the part of a runtime environment of Ray that brings it to them.

    Each module lies there with the metadata of its distribution, by which plug-ins are found.
    """
    modules = {PACKAGE: _source(PACKAGE)}
    metadata = [_metadata(each) for each in [*_own()]]
    for point in entry_points(group=ENTRY_POINT_GROUP):
        name = point.value.partition(":")[0].partition(".")[0]
        if name != PACKAGE and point.dist is not None:
            modules[name] = _source(name)
            metadata.append(_metadata(point.dist))
    found = [_copied(source, folder) for source in modules.values() if source is not None]
    experiments = folder / PACKAGE / "_shipped" / "experiments"
    if not experiments.exists():
        shutil.copytree(shipped("experiments"), experiments, ignore=LEFT_OUT)
    found += [_copied(path, folder) for path in dict.fromkeys(metadata) if path is not None]
    return {"py_modules": [str(path) for path in found]}


def _own() -> Iterator[Distribution]:
    try:
        yield distribution("foundry-bench")
    except PackageNotFoundError:
        return


def _source(module: str) -> Path | None:
    """The folder or file of a top-level module; None if Python has it in neither."""
    spec = find_spec(module)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    if places:
        return Path(places[0])
    return Path(spec.origin) if spec.origin is not None else None


def _metadata(found: Distribution) -> Path | None:
    """The folder with a distribution's metadata, if it was installed as one."""
    for file in found.files or ():
        if file.name == "METADATA" and file.parent.suffix == ".dist-info":
            return Path(str(found.locate_file(file))).parent
    return None


def _copied(source: Path, folder: Path) -> Path:
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target, ignore=LEFT_OUT)
    else:
        shutil.copyfile(source, target)
    return target
