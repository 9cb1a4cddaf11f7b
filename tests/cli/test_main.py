import errno
import json
import re
import subprocess
import sys
import time
from types import ModuleType

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from foundry_bench.cli.main import INTERRUPTED, VERBS, app
from foundry_bench.config.tasks import TaskField, preset_names
from foundry_bench.errors import FoundryError

HEAVY = {"torch", "ray", "mlflow", "pandas", "numpy", "matplotlib", "sklearn", "scipy", "optuna"}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FoundryError("given 3, expected 4"), 2, "foundry-bench: given 3, expected 4\n"),
        (KeyboardInterrupt(), 130, f"foundry-bench: {INTERRUPTED}\n"),
        (KeyboardInterrupt("2 trials are kept"), 130, "foundry-bench: 2 trials are kept\n"),
        (OSError(errno.ENOSPC, "No space left"), 2, "foundry-bench: the disk is full: "),
        (
            FileExistsError(errno.EEXIST, "File exists", "runs/a"),
            2,
            "foundry-bench: cannot use runs/a: File exists\n",
        ),
    ],
)
def test_errors_become_one_message_and_a_code(
    error: BaseException, code: int, message: str, monkeypatch: pytest.MonkeyPatch
):
    module = ModuleType("foundry_bench.cli.ui")

    def command() -> None:
        raise error

    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "foundry_bench.cli.ui", module)
    result = call("ui")
    assert result.exit_code == code
    assert result.stderr.startswith(message)
    assert "Traceback" not in result.output


def test_another_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    module = ModuleType("foundry_bench.cli.ui")

    def command() -> None:
        raise PermissionError("no")

    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "foundry_bench.cli.ui", module)
    assert isinstance(call("ui").exception, PermissionError)


def test_an_unknown_verb_gets_the_nearest():
    result = call("swep")
    assert result.exit_code == 2
    assert result.stderr == "foundry-bench: unknown verb 'swep'; did you mean 'sweep'?\n"


def test_a_missing_argument_is_a_user_error():
    assert call("sweep").exit_code == 2


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_real_examples(verb: str):
    result = call(verb, "--help")
    assert result.exit_code == 0
    assert f"foundry-bench {verb}" in result.output


def test_help_names_every_verb():
    result = call("--help")
    assert result.exit_code == 0
    assert all(f"  {verb} " in result.output for verb in VERBS)


def test_version():
    result = call("--version")
    assert result.exit_code == 0
    assert result.output.startswith("foundry-bench")


def test_list_and_help_import_nothing_heavy():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from foundry_bench.cli.main import app\n"
        "for call in (['list'], ['list', '--json'], ['--help']):\n"
        "    assert CliRunner().invoke(app, call).exit_code == 0\n"
        f"print(*({HEAVY!r} & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_list_answers_in_half_a_second():
    code = "from foundry_bench.cli.main import main; main()"

    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, "list"], capture_output=True, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 0.5


def test_list_of_a_kind_is_an_array_of_objects():
    rows = json.loads(call("list", "students", "--json").output)
    assert rows[0]["name"] == "foundry"
    assert set(rows[0]) == {"name", "summary", "origin", "target"}


def test_list_without_a_kind_is_an_object_of_arrays():
    found = json.loads(call("list", "--json").output)
    assert set(found) == {"teachers", "students", "tasks", "datasets"}
    assert {row["name"] for row in found["datasets"]} >= {"shapes", "archive"}


def test_list_shows_names_with_summaries():
    shown = call("list", "assignments").output
    assert shown.splitlines()[0] == "assignments"
    assert re.search(r"^  dso +hard cross-attention", shown, re.MULTILINE)


def test_list_of_an_unknown_kind():
    result = call("list", "studnts")
    assert result.exit_code == 2
    assert "unknown kind 'studnts'; did you mean 'students'?" in result.stderr


def test_list_of_tasks_tells_protocols_results_and_where_data_is_expected(monkeypatch):
    monkeypatch.setenv("FOUNDRY_BENCH_DATA", "/sets")
    rows = {row["name"]: row for row in json.loads(call("list", "tasks", "--json").output)}
    assert rows["probe"]["protocol"] == "probe/1"
    assert rows["probe"]["data"] == "the sweep's"
    assert rows["part_segmentation"]["metrics"][:2] == ["miou_instance", "miou_class"]
    scans = rows["scanobjectnn_obj_bg"]
    assert (scans["task"], scans["data"]) == ("classification", "scanobjectnn")
    assert scans["expected"].startswith("/sets/ScanObjectNN/main_split/")
    assert scans["preset"] == "scanobjectnn_obj_bg/2"
    shown = call("list", "tasks").output
    assert shown.splitlines()[0] == "tasks"
    assert re.search(r"^  probe +probe/1 +probe_accuracy +accuracy of", shown, re.MULTILINE)
    assert re.search(r"^  modelnet40_5way_10shot +few_shot +few_shot/1", shown, re.MULTILINE)


def test_every_preset_of_a_task_can_be_named():
    for name in preset_names():
        (task,) = TypeAdapter(list[TaskField]).validate_python([name])
        assert task.key == name
        assert task.preset.startswith(f"{name}/")
