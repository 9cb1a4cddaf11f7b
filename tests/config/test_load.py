from collections.abc import Callable
from pathlib import Path

import pytest

from foundry_bench.config.load import dump_yaml, load_settings, load_sweep, load_trial
from foundry_bench.config.settings import DistillSettings
from foundry_bench.errors import FoundryError
from foundry_bench.sweep.expand import expand
from tests.toys import Blobs, Hard, Toy

Write = Callable[..., Path]


def faults(path: Path, *overrides: str) -> list[str]:
    """The lines of the one message, without the file's folder."""
    with pytest.raises(FoundryError) as caught:
        load_sweep(path, overrides)
    title, *lines = str(caught.value).splitlines()
    assert title.endswith(f"has {len(lines)} fault{'s' * (len(lines) > 1)}:")
    return [line.strip().replace(f"{path.parent}/", "") for line in lines]


def test_valid_sweep(write: Write):
    sweep = load_sweep(write("axes: {student.supertokens: [1, 2]}\ntrain: {distill: {lr: 1e-3}}\n"))
    assert sweep.student == Toy.Settings(name="toy", supertokens=4)
    assert sweep.axes == {"student.supertokens": [1, 2]}
    assert sweep.train.distill.lr == 0.001
    assert sweep.seeds == (0, 1, 2)


@pytest.mark.parametrize("name", ["profile", "scenes"])
def test_a_sweep_has_another_name_than_the_sections_of_reports(write: Write, name: str):
    (line,) = faults(write(""), f"name={name}")
    assert f"name: '{name}' is what reports call a section of their own; choose another" in line


def test_all_faults_come_in_one_message(write: Write):
    path = write(
        "studnt: toy\n"
        "train:\n"
        "  distill: {epochs: three}\n"
        "  views: {count: 0}\n"
        "  finetune:\n"
        "    lr: .inf\n"
        "    lr: .inf\n"
        "seeds: []\n"
        "resources: {device: gpu}\n"
        "axes:\n"
        "  student.supertokns: [1]\n"
        "  train.finetune.epochs: [1, x]\n"
    )
    assert sorted(faults(path, "train.distill.clip=-1", "nonsense")) == sorted(
        [
            "sweep.yaml:6: studnt: unknown field; did you mean 'student'?",
            "sweep.yaml:8: train.distill.epochs: given 'three' (text), expected integer",
            "sweep.yaml:9: train.views.count: given 0, expected greater than 0 or 'online'",
            "sweep.yaml:12: train.finetune.lr: given twice, first at sweep.yaml:11",
            "sweep.yaml:12: train.finetune.lr: given inf, expected a finite number",
            "sweep.yaml:13: seeds: given [] (list), expected at least 1 value(s)",
            "sweep.yaml:14: resources.device: given 'gpu' (text), "
            "expected 'auto', 'cpu' or 'cuda'; did you mean 'cpu'?",
            "sweep.yaml:16: axes.student.supertokns: no such field to vary; "
            "did you mean 'student.supertokens'?",
            "sweep.yaml:17: axes.train.finetune.epochs.1: given 'x' (text), expected integer",
            "--set train.distill.clip=-1: train.distill.clip: given -1, expected greater than 0",
            "--set nonsense: expected FIELD=VALUE, such as train.distill.epochs=3",
        ]
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "axes: {seed: [1]}",
            "axes.seed: no such field to vary; known: data, student, teacher, train",
        ),
        ("axes: {supertokens: [1]}", "no such field to vary; did you mean 'student.supertokens'?"),
        ("axes: {student.residual.x: [1]}", "student.residual has no fields"),
        ("axes: {student.supertokens: []}", "axes.student.supertokens: needs at least one value"),
        ("axes: {student.supertokens: 3}", "given 3, expected list"),
        ("axes: {student.supertokens: [1, 0]}", "axes.student.supertokens.1: given 0, expected"),
        (
            "axes: {student.supertokens: [64]}",
            "axes.student.supertokens.0: 64 is more than 32 tokens",
        ),
        ("axes: {student.assignment: [no]}", "axes.student.assignment.0: unknown assignment 'no'"),
        ("axes: {train.views.count: [online, 1.5]}", "axes.train.views.count.1: given 1.5"),
        ("seeds: [1, 1]", "seeds must be different numbers, not [1, 1]"),
        ("seeds: [true]", "seeds.0: given True (boolean), expected integer"),
        ("seeds: ['1']", "seeds.0: given '1' (text), expected integer"),
        ("baselines: {teacher: 3}", "baselines.teacher: given 3, expected boolean or mapping"),
        ("baselines: {teachr: true}", "unknown field; did you mean 'teacher'?"),
        (
            "baselines: {scratch: {student: {supertokns: 1}}}",
            "baselines.scratch.student.supertokns: no such",
        ),
        (
            "ablations: {c: {student.supertokens: [1, 99]}}",
            "c.student.supertokens.1: 99 is more than",
        ),
        ("ablations: {a/b: {}}", "ablations.a/b: given 'a/b' (text), expected text that matches"),
        (
            "ablations: {scratch: {}}",
            "ablations.scratch: an ablation needs a name that nothing else has",
        ),
        ("train: {views: {scale: [2, 1]}}", "train.views.scale: must be a range"),
        ("3: 4", "3: the name of a field must be text"),
    ],
)
def test_a_fault_names_its_place_and_what_was_expected(write: Write, more: str, expected: str):
    (line,) = faults(write(f"{more}\n"))
    assert line.startswith("sweep.yaml:6: ")
    assert expected in line


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n"])
def test_a_file_that_is_no_mapping(write: Write, text: str):
    (line,) = faults(write(text=text))
    assert "expected a mapping of fields" in line


def test_missing_fields(write: Write):
    lines = faults(write(text="name: x\nstudent: {name: toy}\n"))
    assert lines == [f"sweep.yaml: {name}: is missing" for name in ("question", "data", "tasks")]


def test_missing_file_gets_the_nearest_shipped_sweep(tmp_path: Path):
    with pytest.raises(FoundryError, match="there is no such file; did you mean 'smoke'"):
        load_sweep(tmp_path / "smoke.yml")


def test_unknown_class_hides_no_other_fault(write: Write):
    path = write(text="name: x\nquestion: q\nstudent: tooy\ndata: blobs\ntasks: [quizz]\n")
    path.write_text(path.read_text() + "axes: {student.supertokens: [1], train.seed: [1]}\n")
    lines = faults(path)
    assert "sweep.yaml:3: student: unknown student 'tooy'; did you mean 'toy'?" in lines
    assert "sweep.yaml:5: tasks.0: unknown task 'quizz'; did you mean 'quiz'?" in lines
    assert any(line.startswith("sweep.yaml:6: axes.train.seed: no such field") for line in lines)
    assert len(lines) == 3


def test_a_task_is_given_once(write: Write):
    (line,) = faults(write(""), "tasks=[quiz, exam, {name: quiz, protocol: literature}]")
    assert "tasks: 'quiz' is given twice" in line


def test_axis_values_may_need_each_other(write: Write):
    text = "axes: {teacher.preset: [small], student.supertokens: [64, 33]}\n"
    assert load_sweep(write(text)).axes["student.supertokens"] == [64, 33]


def test_overrides(write: Write):
    path = write("axes: {student.supertokens: [1, 2]}\n")
    sweep = load_sweep(
        path,
        [
            "seeds=[0]",
            "axes.student.supertokens=[1, 4]",
            "axes.train.distill.lr=[1e-3]",
            "student.assignment.temperature=3",
            "data.clouds=7",
            "baselines.not_distilled.student.supertokens=8",
            "ablations.soft.student.assignment=soft",
            "baselines.scratch=false",
            "question=a = b",
        ],
    )
    assert sweep.seeds == (0,)
    assert sweep.axes == {"student.supertokens": [1, 4], "train.distill.lr": [0.001]}
    assert sweep.student == Toy.Settings(
        name="toy", supertokens=4, assignment=Hard.Settings(name="hard", temperature=3)
    )
    assert sweep.data == Blobs.Settings(name="blobs", clouds=7)
    assert sweep.baselines.not_distilled == {"student.supertokens": 8}
    assert sweep.baselines.scratch is False
    assert sweep.ablations == {"soft": {"student.assignment": "soft"}}
    assert sweep.question == "a = b"


def test_a_later_override_wins_and_is_the_origin(write: Write):
    path = write()
    assert load_sweep(path, ["seeds=[x]", "seeds=[3]"]).seeds == (3,)
    assert faults(path, "seeds=[3]", "seeds=[x]") == [
        "--set seeds=[x]: seeds.0: given 'x' (text), expected integer"
    ]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("studnet.supertokens=4", "studnet: unknown field; did you mean 'student'?"),
        ("name.x=1", "name has no fields"),
        ("seeds=[1", "not YAML 1.2"),
        ("student..x=1", "expected FIELD=VALUE"),
        ("=1", "expected FIELD=VALUE"),
        (
            "student.supertokens=0",
            "student.supertokens: given 0, expected greater than or equal to 1",
        ),
        ("student.supertokens=64", "student.supertokens: 64 is more than 32 tokens"),
        ("data={name: blobs, clouds: 1, clouds: 2}", "data.clouds: given twice"),
        ("seeds=[-1]", "seeds.0: given -1, expected greater than or equal to 0"),
        (f"seeds=[0, {2**63}]", f"seeds.1: given {2**63}, expected less than or equal to"),
    ],
)
def test_a_faulty_override_is_its_own_origin(write: Write, override: str, expected: str):
    (line,) = faults(write(), override)
    assert line.startswith(f"--set {override}: ")
    assert expected in line


def test_environment_variables_in_data_paths(write: Write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLOUDS", "/there")
    monkeypatch.delenv("NO_CLOUDS", raising=False)
    sweep = load_sweep(
        write("axes: {'data.path': ['${CLOUDS}/b.npz']}\n"), ["data.path=${CLOUDS}/a"]
    )
    assert sweep.data == Blobs.Settings(name="blobs", path="/there/a")
    assert sweep.axes == {"data.path": ["/there/b.npz"]}
    (line,) = faults(write(), "data.path=${NO_CLOUDS}/a")
    assert "environment variable NO_CLOUDS is not set: set it" in line


def test_sweeps_and_trials_round_trip(write: Write, tmp_path: Path):
    sweep = load_sweep(
        write(
            "axes: {student.supertokens: [1, 2], student.assignment: [soft, {name: hard}]}\n"
            "baselines: {scratch: {student: {supertokens: 8}}}\n"
            "ablations: {plain: {student.residual: false, train.finetune.trainable: []}}\n"
            "train: {distill: {lr: 1e-5}, views: {scale: [0.5, 1]}}\n"
        )
    )
    path = tmp_path / "again.yaml"
    path.write_text(dump_yaml(sweep))
    assert load_sweep(path) == sweep
    for trial in expand(sweep, cores=2):
        path.write_text(dump_yaml(trial))
        assert load_trial(path) == trial
    assert expand(load_sweep(write(text=dump_yaml(sweep))), cores=2) == expand(sweep, cores=2)


def test_a_trial_file_is_checked_alike(tmp_path: Path):
    path = tmp_path / "trial.yaml"
    path.write_text("sweep: x\nvariant: toy\nstudent: toy\nsed: 1\n")
    with pytest.raises(
        FoundryError, match=r"trial.yaml:4: sed: unknown field; did you mean 'seed'"
    ):
        load_trial(path)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_of_a_trial_file_that_is_out_of_range_is_told(tmp_path: Path, seed: int):
    path = tmp_path / "trial.yaml"
    path.write_text(f"sweep: x\nvariant: toy\nstudent: toy\nseed: {seed}\n")
    with pytest.raises(FoundryError, match=rf"trial.yaml:4: seed: given {seed}, expected"):
        load_trial(path)


def test_any_settings_load_from_a_file(tmp_path: Path):
    path = tmp_path / "distill.yaml"
    path.write_text("epochs: 2\n")
    assert load_settings(path, DistillSettings) == DistillSettings(epochs=2)


@pytest.mark.parametrize(
    ("former", "present"),
    [("anchors", "baselines"), ("controls", "ablations"), ("keep", "keep_weights")],
)
def test_a_former_key_is_refused_with_its_present_name(
    write: Callable[[str], Path], former: str, present: str
) -> None:
    with pytest.raises(
        FoundryError, match=f"{former}: unknown field; it is called '{present}' now"
    ):
        load_sweep(write(f"{former}: null\n"))


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("train.distill.trains", "trainable"),
        ("train.finetune.unfreeze", "unfreeze_at"),
        ("resources.together", "max_interleaved"),
    ],
)
def test_a_former_key_below_others_is_refused_too(write: Write, former: str, present: str) -> None:
    (line,) = faults(write(""), f"{former}=1")

    assert line.endswith(f"{former}: unknown field; it is called '{present}' now")
