"""`foundry-bench profile flops`, as a user calls it."""

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner, Result

from foundry_bench.cli.data import loader_from
from foundry_bench.cli.main import app
from foundry_bench.config.settings import TeacherSettings
from foundry_bench.cost.gates import entered
from foundry_bench.cost.operators import HANDLES
from foundry_bench.data.dataset import subsample
from foundry_bench.geometry.patches import group
from foundry_bench.record import Record, read_json
from foundry_bench.registries import STUDENTS
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry_gate import FoundryGate, FoundryGateSettings
from foundry_bench.students.narrow import Narrow
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.testing import tiny_archive, tiny_preset, tiny_teacher
from foundry_bench.testing.tiny import SPEC, TINY
from tests.cost.closed_form import encoder_macs, segmentation_head_macs


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """The smallest teacher, and few small clouds for gates."""
    data = ["--data", "archive", "--set", f"path={tiny_archive(tmp_path)}", "--clouds", "8"]
    return ["--preset", str(tiny_preset(tmp_path)), *data]


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["profile", "flops", *words])


def rows(*words: str) -> list[dict]:
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json_has_the_teacher_and_the_student_in_every_size(tiny: list[str]) -> None:
    found = rows(*tiny, "--student", "foundry", "--supertokens", "1,4")
    assert [(row["student"], row["supertokens"]) for row in found] == [
        ("teacher", None),
        ("foundry", 1),
        ("foundry", 4),
    ]
    for row in found:
        tokens = row["supertokens"] or TINY.patches
        assert row["metrics"]["encoder_tokens"] == tokens
        assert row["metrics"]["macs_encode"] == encoder_macs(tokens, TINY.width, TINY.depth)
        assert row["metrics"]["flops"] == sum(each["flops"] for each in row["operators"])
        assert "macs_p95" not in row["metrics"]


def test_the_head_of_part_segmentation_is_counted_when_parts_are_asked_for(
    tiny: list[str],
) -> None:
    words = (*tiny, "--student", "foundry", "--supertokens", "4", "--classes", "3")
    for usual, labelling in zip(rows(*words), rows(*words, "--parts", "7"), strict=True):
        assert (usual["parts"], labelling["parts"]) == (None, 7)
        assert usual["key"] != labelling["key"]
        assert labelling["metrics"]["macs_head"] == segmentation_head_macs(
            SPEC.points,
            TINY.patches,
            TINY.width,
            categories=3,
            parts=7,
            propagation=(TINY.width, TINY.width),
            hidden=(32, 16),
        )
        assert labelling["metrics"]["macs_encode"] == usual["metrics"]["macs_encode"]
    assert ", 7 parts of points: millions a cloud" in call(*words, "--parts", "7").stdout


def test_every_registered_student_is_counted_by_default(tiny: list[str]) -> None:
    result = call(*tiny, "--supertokens", "4", "--budgets", "8", "--operators")
    assert result.exit_code == 0, result.output
    shown = {line.split("|")[1].strip() for line in result.stdout.splitlines() if "|" in line}
    assert shown >= {"teacher", *STUDENTS}
    assert "attention_softmax" in result.stdout


def test_what_cannot_be_had_is_told(tiny: list[str]) -> None:
    result = call(*tiny, "--student", "tome", "--supertokens", "1,4")
    assert result.exit_code == 0
    assert "left out: tome: supertokens: 1 is less than the 2" in result.stderr


def test_a_gate_has_a_mean_and_a_percentile(tiny: list[str]) -> None:
    few, every = rows(*tiny, "--student", "foundry_gate", "--supertokens", "4", "--budgets", "6,8")[
        1:
    ]
    assert (few["budget"], every["budget"]) == (6, 8)
    assert few["metrics"]["encoder_tokens"] <= few["metrics"]["encoder_tokens_p95"] <= 6
    assert few["metrics"]["macs"] < every["metrics"]["macs"] == every["metrics"]["macs_p95"]
    assert every["metrics"]["encoder_tokens"] == TINY.patches


def test_a_distilled_gate_is_counted_with_its_weights(tiny: list[str], tmp_path: Path) -> None:
    source = teacher_source(TeacherSettings(preset=tiny[1], weights="random"))
    settings = FoundryGateSettings(supertokens=4, gate_threshold=0.27)
    with seeded(7, "gate"):
        student = FoundryGate(tiny_teacher(), settings)  # whose tokenizer is not the source's
    folder = tmp_path / "distilled"
    folder.mkdir()
    save_file(student.state_dict(), folder / "weights.safetensors")
    record = Record(
        key="d" * 64,
        stage="distill",
        stage_version=2,
        status="done",
        config={"student": settings.model_dump(mode="json")},
        inputs={"teacher": source.fingerprint},
        seed=7,
    )
    (folder / "record.json").write_text(record.model_dump_json())
    teacher, as_it_is, budget = rows(*tiny, "--distilled", str(folder), "--budgets", "8")
    assert teacher["student"] == "teacher"
    assert as_it_is["distilled"] == budget["distilled"] == "d" * 64
    dataset = loader_from("archive", tmp_path / "tiny.npz", None, []).load(None)
    points_NP3 = torch.from_numpy(subsample(dataset, dataset.splits["test"][:8], SPEC.points))
    tokens_N = entered(student, [group(points_NP3, SPEC)])
    assert as_it_is["metrics"]["encoder_tokens"] == tokens_N.mean()
    assert 1 < tokens_N.mean() < TINY.patches
    assert budget["metrics"]["encoder_tokens"] == TINY.patches


def test_records_and_tables_stay_in_out(tiny: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = (*tiny, "--student", "foundry", "--supertokens", "4", "--out", str(out))
    found = rows(*words)
    records = {
        row["key"]: read_json(out / "stages" / row["key"] / "record.json", Record) for row in found
    }
    for row in found:
        record = records[row["key"]]
        assert (record.stage, record.task, record.status) == ("profile", "flops", "done")
        assert record.metrics["macs"] == row["metrics"]["macs"]
    with (out / "flops.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["key"] for row in table] == list(records)
    assert [int(row["macs"]) for row in table] == [row["metrics"]["macs"] for row in found]
    with (out / "flops_operators.csv").open() as file:
        single = list(csv.DictReader(file))
    assert sum(int(row["macs"]) for row in single) == sum(row["metrics"]["macs"] for row in found)
    before = {path: path.stat().st_mtime_ns for path in out.glob("stages/*/record.json")}
    assert rows(*words) == found
    assert {path: path.stat().st_mtime_ns for path in out.glob("stages/*/record.json")} == before


def test_the_papers_figures_are_printed() -> None:
    teacher, one, sixteen = rows("--preset", "paper_count")
    counted = [round(row["metrics"]["counted_giga"]) for row in (teacher, one, sixteen)]
    assert counted == [478, 137, 178]
    assert [row["supertokens"] for row in (teacher, one, sixteen)] == [None, 1, 16]


def test_a_student_that_cannot_be_counted_does_not_end_the_others(
    tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(HANDLES, "aten::cdist")  # as if nobody had thought of it
    names = ("--student", "fps_student", "--student", "foundry")
    result = call(*tiny, *names, "--supertokens", "4", "--json")
    assert result.exit_code == 1
    assert [row["student"] for row in json.loads(result.stdout)] == ["teacher", "foundry"]
    assert "fps_student: profile failed: no rule for the cost of aten::cdist" in result.stderr


def test_an_unused_module_is_told(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def init(self: Narrow, *given: object) -> None:
        build(self, *given)
        self.spare = nn.Linear(2, 2)

    build = Narrow.__init__
    monkeypatch.setattr(Narrow, "__init__", init)
    result = call(*tiny, "--student", "narrow")
    assert result.exit_code == 0
    assert result.stderr == "narrow: 1 modules with parameters were not used\n"


def test_the_page_on_costs_shows_what_its_command_prints() -> None:
    page = (Path(__file__).parents[2] / "docs/cost.md").read_text()
    section = page.partition("## Preset `tiny`")[2]
    command = section.split("```")[1].split()
    assert command[:4] == ["sh", "foundry-bench", "profile", "flops"]
    costs = call(*command[4:]).stdout.partition("\nsize")[0]
    lines = [line.rstrip() for line in costs.splitlines() if line.startswith("|")]
    assert len(lines) > 10
    assert "\n".join(lines) in section


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "paper_count", "--student", "foundry"), "counts the paper's three models"),
        (("--preset", "smal"), "'point_jepa' has no preset 'smal'; it has: small, tiny"),
        (("--teacher", "point_jep"), "did you mean 'point_jepa'?"),
        (("--student", "fundry"), "did you mean 'foundry'?"),
        (("--supertokens", "1,x"), "--supertokens: given '1,x', expected numbers from 1 on"),
        (("--budgets", "0"), "--budgets: given '0', expected numbers from 1 on"),
        (("--set", "points=64"), "--set changes the settings of --data"),
        (("--data", "shape"), "did you mean 'shapes'?"),
    ],
)
def test_a_mistake_is_one_message(words: tuple[str, ...], message: str) -> None:
    result = call(*words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
