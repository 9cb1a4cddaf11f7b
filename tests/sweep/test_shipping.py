"""What a cluster's workers get, imported from where it was collected and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

from foundry_bench.sweep.shipping import shipped_code

ENTRY = "[foundry_bench.plugins]\nstudents.octants = mine:Octants\n"
PROGRAM = """
import foundry_bench
from foundry_bench.registries import STUDENTS
from foundry_bench.resources import shipped
print(foundry_bench.__file__, shipped("experiments"), STUDENTS.get("octants").__module__, sep="\\n")
"""


def test_workers_get_the_package_what_ships_with_it_and_plug_ins(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY)
    (info / "RECORD").write_text("mine-1.0.dist-info/METADATA,,\nmine.py,,\n")
    (site / "mine.py").write_text("class Octants: ...\n")
    sys.path.insert(0, str(site))
    try:
        modules = shipped_code(tmp_path / "code")["py_modules"]
    finally:
        sys.path.remove(str(site))
    names = [Path(module).name for module in modules]
    assert {"foundry_bench", "mine.py", "mine-1.0.dist-info"} <= set(names)
    assert not list((tmp_path / "code").rglob("__pycache__"))

    # Each lies below a folder of its own on a node, as Ray unpacks them; all are on its path.
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "code")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True
    )
    package, experiments, module = done.stdout.decode().splitlines()
    assert package == str(tmp_path / "code" / "foundry_bench" / "__init__.py"), done.stderr
    assert experiments == str(tmp_path / "code" / "foundry_bench" / "_shipped" / "experiments")
    assert module == "mine"
