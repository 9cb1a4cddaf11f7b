"""Write the tables of docs/ from benchmarks/results/*.json: no number is typed.

    python benchmarks/tables.py [--results DIR] [--pages FILE ...]

A table stands between `<!-- table: NAME -->` and `<!-- end -->`, and is made of the results file
NAME.json and of those with further words, such as NAME.gpu.json. A table without results says so.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGES = [HERE.parent / "docs" / name for name in ("performance.md", "faults.md")]
PLACE = re.compile(r"(<!-- table: ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOTHING = "Not measured yet.\n"

Document = dict[str, Any]
Row = Sequence[object]


def main() -> None:
    """Rewrite the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--pages", type=Path, nargs="+", default=PAGES)
    options = parser.parse_args()
    for page in options.pages:
        page.write_text(filled(page.read_text(), options.results))


def filled(page: str, results: Path) -> str:
    """The page with its tables made anew from the files in `results`.

    Raises:
        ValueError: for a table that nobody can make.
    """

    def table(match: re.Match[str]) -> str:
        opening, name, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"no table is called '{name}': there are {', '.join(TABLES)}")
        benchmark, make = TABLES[name]
        paths = [*results.glob(f"{benchmark}.json"), *sorted(results.glob(f"{benchmark}.*.json"))]
        parts = [_measured(json.loads(path.read_text()), make) for path in paths]
        return opening + ("\n".join(parts) or NOTHING) + end

    return PLACE.sub(table, page)


def throughput(document: Document) -> str:
    """Clouds a second and share of the floor by stage."""
    rows = [
        (
            row["preset"],
            row["stage"],
            f"{row['clouds_per_s']:,.0f}",
            "" if row["share_of_floor"] is None else f"{row['share_of_floor']:.0%}",
            "" if row["peak_memory_mib"] is None else f"{row['peak_memory_mib']:,.0f}",
        )
        for row in document["results"]["rows"]
    ]
    return _table(("preset", "stage", "clouds/s", "of the floor", "peak MiB"), rows)


def where(document: Document) -> str:
    """Where the time of training steps goes."""
    found: dict[str, dict[str, float]] = document["results"]["where"]
    if not found:
        return NOTHING
    totals: dict[str, float] = {}
    for parts in found.values():
        for kind, share in parts.items():
            totals[kind] = totals.get(kind, 0) + share
    kinds = sorted(totals, key=lambda kind: -totals[kind])
    rows = [
        (name, *(f"{parts.get(kind, 0):.0%}" for kind in kinds)) for name, parts in found.items()
    ]
    return _table(("step", *kinds), rows)


def growth(document: Document) -> str:
    """Cost of a step over s, c and d, and of a training over its clouds."""
    found = document["results"]["rows"]
    steps = [
        (row["varied"], row["value"], f"{row['cached_ms']:.2f}", f"{row['online_ms']:.2f}")
        for row in found
        if row["varied"] != "clouds"
    ]
    trainings = [
        (row["value"], *(f"{row[f'{way}_s']:.2f}" for way in ("fill", "cached", "online")))
        for row in found
        if row["varied"] == "clouds"
    ]
    return (
        _table(("varied", "value", "cached, ms a cloud", "online, ms a cloud"), steps)
        + "\n"
        + _table(("clouds", "filling the cache, s", "cached, s", "online, s"), trainings)
    )


def sweep_cost(document: Document) -> str:
    """K students against one."""
    rows = [
        (
            row["students"],
            row["way"],
            f"{row['seconds']:.2f}",
            "" if row["to_one"] is None else f"{row['to_one']:.2f}x",
            "" if row["to_cached"] is None else f"{row['to_cached']:.2f}x",
        )
        for row in document["results"]["rows"]
    ]
    return _table(("students", "way", "seconds", "of one student", "of cached"), rows)


def against_reference(document: Document) -> str:
    """Both ratios."""
    results = document["results"]
    rows = [
        ("(a) one student, tokenizer trained", f"{results['a']:.1f}x"),
        ("(b) five students as a sweep distils them", f"{results['b']:.1f}x"),
    ]
    return _table(("", "faster than the reference"), rows)


def kill_sweep(document: Document) -> str:
    """How many killed sweeps ended as the undisturbed one, and what differed in the others."""
    found: dict[str, list[list[str]]] = {}
    for row in document["results"]["rows"]:
        found.setdefault(row["kind"], []).append(row["faults"])
    rows = [
        (kind, len(faults), faults.count([]), "; ".join(fault for each in faults for fault in each))
        for kind, faults in found.items()
    ]
    return _table(("killed", "moments", "ended as undisturbed", "else"), rows)


def overhead(document: Document) -> str:
    """What a sweep costs beside its stages, and seconds by part."""
    results = document["results"]
    options, parts = results["options"], results["parts"]
    cells = (
        f"{options['trials']} x {options['stage_s']:g} s",
        options["slots"],
        *(f"{results[name]:.1%}" for name in ("overhead", "even")),
        *(f"{seconds:.1f}" for seconds in parts.values()),
    )
    head = ("trials", "slots", "overhead", "without tail", *(f"{name}, s" for name in parts))
    return _table(head, [cells])


def scale(document: Document) -> str:
    """A sweep of trials that do nothing."""
    results = document["results"]
    cells = (
        results["options"]["trials"],
        f"{results['expand_s'] + results['plan_s']:.1f}",
        results["driver_mib"],
        *(f"{results[name]:.0f}" for name in ("sweep_s", "first_tenth_ms", "last_tenth_ms")),
        *(f"{results[name]:.1f}" for name in ("status_s", "again_s")),
    )
    head = ("trials", "planning, s", "driver, MiB", "all, s", "a trial of the first tenth, ms")
    return _table((*head, "of the last, ms", "status, s", "called again, s"), [cells])


TABLES: dict[str, tuple[str, Callable[[Document], str]]] = {
    "throughput": ("throughput", throughput),
    "where": ("throughput", where),
    "growth": ("growth", growth),
    "sweep_cost": ("sweep_cost", sweep_cost),
    "against_reference": ("against_reference", against_reference),
    "kill_sweep": ("kill_sweep", kill_sweep),
    "overhead": ("overhead", overhead),
    "scale": ("scale", scale),
}
"""Name of a table -> the benchmark that it shows, and who makes it."""


def _measured(document: Document, make: Callable[[Document], str]) -> str:
    device, options = document["device"], document["results"]["options"]
    on = device["name"]
    if device["kind"] == "cpu":
        on += f", {device['threads']} of {device['cores']} cores"
    precision = options.get("precision", "float32")
    commit = (document["commit"] or "unknown")[:8]
    line = f"{on}, {precision}, torch {document['packages']['torch']}, commit {commit}:"
    return f"{line}\n\n{make(document)}"


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
