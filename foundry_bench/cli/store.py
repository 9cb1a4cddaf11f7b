"""`foundry-bench store`: what finished stages take, and freeing what no sweep refers to."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from foundry_bench.sweep.upkeep import Inventory, Item

EXAMPLES = """
foundry-bench store ls
foundry-bench store ls runs/supertokens
foundry-bench store gc runs/store --dry-run
foundry-bench store gc runs/store --used-by runs/supertokens --used-by runs/gate
"""
RUNS = Path("runs")
STORE_FOLDERS = ("stages", "partial", "data")
DAY_S = 86_400.0
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

Given = Annotated[
    Path | None,
    typer.Argument(
        metavar="[STORE]",
        help="A store, or the output folder that holds one; else all in ./runs.",
    ),
]
UsedBy = Annotated[
    list[Path] | None,
    typer.Option(
        help="An output folder that uses the store too; sweeps of this version say so themselves."
    ),
]


@app.callback()
def describe() -> None:
    """Look through a store of finished stages, or free what no sweep refers to."""


@app.command("ls")
def show(store: Given = None, used_by: UsedBy = None) -> None:
    """Show finished stages by kind, and which sweeps refer to them."""
    from foundry_bench.cli.console import stdout
    from foundry_bench.sweep.upkeep import Upkeep

    console = stdout()
    for root in stores(store):
        console.print(f"store {root}", style="bold", soft_wrap=True)
        _show(Upkeep(root, used_by or ()).look())


@app.command("gc")
def collect(
    store: Given = None,
    used_by: UsedBy = None,
    forget: Annotated[
        list[Path] | None,
        typer.Option(help="An output folder that is no more, on a machine that is not this one."),
    ] = None,
    stale_days: Annotated[
        float,
        typer.Option(min=0, help="Stages that were cut short go so long after their last change."),
    ] = 7.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be freed, and free nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete finished stages that no sweep refers to, and old ones that were cut short.

    An output folder refers to what its trials used and will use; to free that, delete the folder
    first. Records in output folders stay, and so does what a process is at work on.
    """
    from foundry_bench.sweep.upkeep import Upkeep

    if math.isnan(stale_days):
        raise FoundryError("--stale-days: given nan; give a number of days, 0 or more")
    for root in stores(store):
        upkeep = Upkeep(root, used_by or (), forget or (), stale_days)
        inventory = upkeep.look()
        for each in inventory.references:
            typer.echo(f"{root}: {each.folder} refers to {len(each.keys)} stages ({each.state})")
        rubbish = upkeep.rubbish(inventory)
        if not rubbish:
            typer.echo(f"{root}: nothing to free")
            if forget and not dry_run:
                upkeep.free(())  # the folder is struck off all the same
            continue
        typer.echo(f"{root}: {_told(rubbish)} can go")
        if dry_run or not (yes or typer.confirm("Delete them?")):
            continue
        freed = upkeep.free({item.path for item in rubbish})
        typer.echo(f"{root}: freed {_told(freed)}")


def stores(given: Path | None) -> list[Path]:
    """The store at `given` or in it; without, all in ./runs.

    Raises:
        FoundryError: if there is none.
    """
    places = [given] if given is not None else [RUNS, *sorted(RUNS.glob("*"))]
    found = [root for place in places for root in (place, place / "store") if is_store(root)]
    if not found:
        raise FoundryError(
            f"there is no store in {given or RUNS}; give what sweeps were given as --store, or the "
            "output folder of a sweep, runs/<name>"
        )
    return found[:1] if given is not None else list(dict.fromkeys(found))


def is_store(root: Path) -> bool:
    """Whether `root` is a store, and not an output folder: that has `stages` of its own."""
    has_any = any((root / name).is_dir() for name in STORE_FOLDERS)
    return has_any and not (root / "trials").is_dir()


def size(num_bytes: float) -> str:
    """`1.5 GiB`."""
    unit = 0
    while num_bytes >= 1024 and unit < len(UNITS) - 1:
        num_bytes, unit = num_bytes / 1024, unit + 1
    return f"{num_bytes:.1f} {UNITS[unit]}" if unit else f"{num_bytes:.0f} {UNITS[0]}"


def age(seconds: float) -> str:
    """`3 days`, or `5 h`."""
    return f"{seconds / DAY_S:.0f} days" if seconds >= 2 * DAY_S else f"{seconds / 3600:.0f} h"


def _told(items: "Iterable[Item]") -> str:
    """`2 distill, 1 cut short: 3.4 MiB`."""
    from collections import Counter

    found = list(items)
    kinds = Counter(item.kind for item in found)
    words = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
    return f"{words}: {size(sum(item.num_bytes for item in found))}"


def _show(inventory: "Inventory") -> None:
    from rich.table import Table

    from foundry_bench.cli.console import stdout

    console = stdout()
    unwanted = {item.path for item in inventory.unwanted}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stages", overflow="fold")
    for name in ("number", "size", "youngest", "oldest", "of no sweep"):
        table.add_column(name, justify="right")
    kinds: dict[str, list[Item]] = {}
    for item in [*inventory.stages, *inventory.partial]:
        kinds.setdefault(item.kind, []).append(item)
    for kind, items in sorted(kinds.items()):
        ages = [item.age_s for item in items]
        free = sum(item.num_bytes for item in items if item.path in unwanted)
        total = size(sum(item.num_bytes for item in items))
        row = (kind, str(len(items)), total, age(min(ages)), age(max(ages)))
        table.add_row(*row, size(free) if free else "")
    table.add_row("prepared data", "", size(inventory.data_bytes), "", "", "")
    console.print(table)
    sweeps = Table(box=None, pad_edge=False, header_style="bold")
    sweeps.add_column("referred to by", overflow="fold")
    for name in ("stages", "size", "is"):
        sweeps.add_column(name, justify="right")
    for each in inventory.references:
        used = [item for item in inventory.stages if item.key in each.keys]
        total = size(sum(item.num_bytes for item in used))
        sweeps.add_row(str(each.folder), str(len(used)), total, each.state)
    console.print(sweeps if inventory.references else "no sweep says that it uses this store")
