"""Make the reports of `reports/gallery/` again from the records in them.

    python reports/rebuild_gallery.py [--check] [NAME ...]

Files that a report no longer has are removed, records stay as they are. With `--check` nothing is
written: prints which files would change, and the exit code is 1 if any would.
"""

import argparse
import sys
from pathlib import Path

from foundry_bench.files import replacing
from foundry_bench.report.assemble import assemble
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.write import RECORDS, build_files

GALLERY = Path(__file__).parent / "gallery"


def main() -> None:
    """Rebuild or check, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="reports; all by default")
    parser.add_argument("--check", action="store_true", help="only say what would change")
    options = parser.parse_args()
    changed = 0
    for folder in [GALLERY / name for name in options.names] or sorted(GALLERY.iterdir()):
        files = build_files(assemble(read_folders([folder / RECORDS])))
        names = find_changed(folder, files)
        changed += len(names)
        print(f"{folder.name}: {', '.join(names) or 'as it was'}", flush=True)  # noqa: T201
        if not options.check:
            write(folder, files, names)
    sys.exit(1 if options.check and changed else 0)


def find_changed(folder: Path, files: dict[str, bytes]) -> list[str]:
    """The files of a report that are not in `folder` as they are in `files`, or only there."""
    there = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != RECORDS
    }
    return sorted(name for name in there | files if there.get(name) != files.get(name))


def write(folder: Path, files: dict[str, bytes], names: list[str]) -> None:
    """Write `names` of `files`, and remove those that are none of them."""
    for name in names:
        if name in files:
            with replacing(folder / name) as temporary:
                temporary.write_bytes(files[name])
        else:
            (folder / name).unlink()


if __name__ == "__main__":
    main()
