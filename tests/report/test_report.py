import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib import style

from foundry_bench.errors import FoundryError
from foundry_bench.report import write
from foundry_bench.report.assemble import assemble
from foundry_bench.report.figures.style import STYLE
from foundry_bench.report.page import render_page
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.write import write_report
from tests.report.examples import ExampleSweep, simple_clouds

MakeSweep = Callable[..., ExampleSweep]
FIGURES = (
    "loss_vs_accuracy",
    "supertokens_on_clouds",
    "accuracy_vs_supertokens",
    "probe_accuracy_vs_supertokens",
    "nmse_vs_accuracy",
    "distillation_curves",
    "time_by_stage",
)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "records" not in path.relative_to(folder).parts
    }


def _notes(sweep: ExampleSweep) -> str:
    """Assemble and draw the report, look that its page is whole, and give its notes."""
    report = assemble(read_folders([sweep.out]))
    for part in report.sweeps:
        for picture in part.pictures:
            picture.draw()
    images = {f"figures/{p.name}.png": bytes(24) for part in report.sweeps for p in part.pictures}
    assert render_page(report, images).rstrip().endswith("</html>")
    return " ".join((*report.notes, *(note for part in report.sweeps for note in part.notes)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[ExampleSweep, Path]:
    """An example sweep and its report with records."""
    root = tmp_path_factory.mktemp("whole")
    sweep = ExampleSweep(root / "runs" / "example").fill()
    sweep.paint(*simple_clouds())
    write_report([sweep.out], root / "report", with_records=True)
    return sweep, root / "report"


def test_every_file_is_there(whole: tuple[ExampleSweep, Path]) -> None:
    figures = {f"figures/{name}.{end}" for name in FIGURES for end in ("png", "svg", "csv")}
    tables = {f"{name}.{end}" for name in ("results", "claims") for end in ("csv", "md", "tex")}
    others = {"index.html", "rows.csv", "sweep.yaml", *tables}

    assert set(_files(whole[1])) == figures | others


def test_the_same_records_give_the_same_bytes_elsewhere(
    whole: tuple[ExampleSweep, Path], tmp_path: Path
) -> None:
    write_report([whole[1] / "records"], tmp_path / "again")

    assert _files(tmp_path / "again") == _files(whole[1])


def test_several_processes_draw_the_same_bytes(
    whole: tuple[ExampleSweep, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "FIGURES_A_PROCESS", len(FIGURES) // 2)

    write_report([whole[0].out], tmp_path / "again", processes=2)

    assert _files(tmp_path / "again") == _files(whole[1])


def test_a_report_can_be_made_over_its_own_records(whole: tuple[ExampleSweep, Path]) -> None:
    before = _files(whole[1])

    write_report([whole[1]], whole[1], with_records=True)

    assert _files(whole[1]) == before


def test_no_date_and_no_machine_path_in_any_file(whole: tuple[ExampleSweep, Path]) -> None:
    files = _files(whole[1])
    for name in ("sweep.json", "sweep.yaml"):
        files[name] = (whole[1] / "records" / name).read_bytes()
    for name, content in files.items():
        for told in (b"/tmp/", b"/home/", str(whole[1]).encode(), b"<dc:date>", b"tEXtSoftware"):
            assert told not in content, name


def test_page_is_self_contained(whole: tuple[ExampleSweep, Path]) -> None:
    page = (whole[1] / "index.html").read_text()

    assert page.count("data:image/png;base64,") == len(FIGURES)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    local = [source for source in sources if not source.startswith(("data:", "#"))]
    assert all((whole[1] / link).is_file() for link in local)
    baselines = [source[1:] for source in sources if source.startswith("#")]
    assert baselines
    assert all(f'id="{baseline}"' in page for baseline in baselines)
    assert "foundry-bench sweep sweeps/example.yaml" in page
    assert "Example CPU (2 cores)" in page
    assert "0123456789ab" in page


def test_words_from_records_are_escaped(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep()
    sweep.trial("main", "<b>x<b>", 0, 0.9, supertokens=4, status="failed", error="<script>1")

    _, path = write_report([sweep.out], tmp_path / "out")

    page = path.read_text()
    assert "&lt;script&gt;1" in page
    assert "<script>1" not in page
    assert "<b>x<b>" not in page


def test_nothing_heavy_is_imported(full_sweep: ExampleSweep, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from foundry_bench.report.write import write_report;"
        f"write_report([Path({str(full_sweep.out)!r})], Path({str(tmp_path / 'out')!r}));"
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'sklearn'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_no_records(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.out.mkdir(parents=True)

    assert "no records" in _notes(sweep)


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_few_seeds(make_sweep: MakeSweep, seeds: tuple[int, ...]) -> None:
    notes = _notes(make_sweep().fill(seeds))

    assert f"Only {len(seeds)} seed" in notes
    assert "No stage left clouds to paint" in notes


def test_failed_trials_and_missing_seeds(full_sweep: ExampleSweep) -> None:
    broken = full_sweep.stage(
        "broken", "distill", status="diverged", error="the loss was nan at step 5\n/home/me/x.py"
    )
    full_sweep.trial(
        "main", "foundry", 1, None, supertokens=4, status="diverged", stages=[broken]
    )  # fmt: skip

    notes = _notes(full_sweep)

    assert (
        "Trial foundry-s4-seed1 (seed 1) ended as diverged in distill: the loss was nan at step 5"
    ) in notes
    assert "Fewer seeds than the others: foundry at s = 4 (2 of 3)" in notes
    assert "/home/me" not in notes


def test_all_trials_failed(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in range(12):
        sweep.trial("main", "foundry", seed, None, supertokens=4, status="oom", error="no memory")

    notes = _notes(sweep)

    assert "No trial has a result" in notes
    assert "4 further trials did not end well" in notes


def test_numbers_that_are_not_finite(full_sweep: ExampleSweep) -> None:
    full_sweep.trial(
        "main", "foundry", 1, float("nan"), supertokens=4, loss=float("inf"), probe=0.5
    )

    notes = _notes(full_sweep)

    assert "accuracy of trial foundry-s4-seed1 is not finite" in notes
    assert "distill_loss of trial foundry-s4-seed1 is not finite" in notes


def test_mixed_devices_versions_and_commits(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in (0, 1):
        use = sweep.stage(
            f"k{seed}",
            "evaluate",
            task="probe",
            metrics={"probe_accuracy": 0.5},
            device={"kind": "cuda", "name": f"GPU {seed}"},
            packages={"torch": f"2.1{seed}"},
            commit=f"{seed}" * 40,
        )
        sweep.trial("main", "foundry", seed, None, supertokens=4, stages=[use])

    notes = _notes(sweep)

    assert "several devices: GPU 0 and GPU 1" in notes
    assert "several versions of torch: 2.10 and 2.11" in notes
    assert "several commits: 000000000000 and 111111111111" in notes
    assert "teacher itself was not evaluated" in notes


def test_broken_arrays_are_left_out(full_sweep: ExampleSweep) -> None:
    for path in full_sweep.out.rglob("arrays.npz"):
        path.write_bytes(b"PK\x03\x04cut")

    assert "No stage left clouds to paint" in _notes(full_sweep)


def test_a_config_of_another_version(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    trial = sweep.trial("main", "foundry", 0, 0.9, supertokens=4)
    for config in ({}, {"student": "foundry", "teacher": None, "train": []}):
        path = sweep.out / "trials" / trial.trial / "trial.json"
        path.write_text(trial.model_copy(update={"config": config}).model_dump_json())
        _notes(sweep)


def test_several_sweeps_get_a_section_each(make_sweep: MakeSweep, tmp_path: Path) -> None:
    roots = [make_sweep(name).fill((0,)).out for name in ("one", "two")]

    report, page = write_report(roots, tmp_path / "out", with_records=True)

    assert report.title == "one + two"
    assert (tmp_path / "out" / "two" / "figures" / "loss_vs_accuracy.png").is_file()
    assert (tmp_path / "out" / "records" / "one" / "sweep.yaml").is_file()
    text = page.read_text()
    assert 'id="one-results"' in text
    assert 'id="two-results"' in text


def test_a_sweep_without_supertokens_axis(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in (0, 1, 2):
        sweep.trial("baseline", "teacher", seed, 0.9 + seed / 100)

    assert "No stage" not in _notes(sweep)


def test_an_output_that_cannot_be_written_is_the_users_error(
    full_sweep: ExampleSweep, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FoundryError, match="cannot be written"):
        write_report([full_sweep.out], tmp_path / "file" / "out")


def test_several_contexts_are_drawn_and_told_apart(make_sweep: MakeSweep) -> None:
    sweep = make_sweep().fill_two_difficulties()
    for path in (sweep.out / "trials").glob("teacher-*-d0.6"):
        (path / "trial.json").unlink()

    notes = _notes(sweep)
    pictures = {p.name: p for p in assemble(read_folders([sweep.out])).sweeps[0].pictures}

    assert "The teacher of foundry, difficulty 0.6 was not evaluated." in notes
    relation, curves = pictures["loss_vs_accuracy"], pictures["distillation_curves"]
    assert "over the runs of each main series" in relation.caption
    assert "by epoch of foundry, difficulty 0.2, mean" in curves.caption
    remark = relation.draw().axes[0].get_title(loc="left")
    assert remark.count("ρ = ") == 2
    assert "foundry, difficulty 0.6: ρ = " in remark
    for name in ("loss_vs_accuracy", "accuracy_vs_supertokens"):
        with style.context(STYLE, after_reset=True):
            figure = pictures[name].draw()
            figure.canvas.draw()
        for legend in figure.legends:
            assert legend.get_window_extent().x1 <= figure.bbox.x1, name


def test_a_deterministic_teacher_is_no_missing_seed(make_sweep: MakeSweep) -> None:
    sweep = make_sweep().fill_deterministic_probe()

    assert "Fewer seeds" not in _notes(sweep)
    picture = assemble(read_folders([sweep.out])).sweeps[0].pictures[0]
    texts = [text.get_text() for text in picture.draw().axes[0].texts]
    assert "teacher\n62.4 (deterministic)" in texts
    assert "teacher (deterministic, no band), random weights" in picture.caption


def test_the_captions_define_the_held_out_error_once(full_sweep: ExampleSweep) -> None:
    pictures = assemble(read_folders([full_sweep.out])).sweeps[0].pictures

    said = [p.name for p in pictures if "over each token's own variance" in p.caption]
    assert said == ["nmse_vs_accuracy"]


def test_the_page_opens_with_the_claims(whole: tuple[ExampleSweep, Path]) -> None:
    page = (whole[1] / "index.html").read_text()

    assert page.index('id="claims"') < page.index('id="example-reading"')
    assert '<span class="verdict not-applicable">not applicable</span>' in page
    assert '<span class="verdict fails">same check here: fails</span>' in page
    assert "since no record here speaks of them" in page
    assert "example</a>: foundry-s16-seed0, " in page


def test_claims_of_ones_own_are_judged_instead(full_sweep: ExampleSweep, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "version: 1\npaper: Of mine\nclaims:\n  - {id: it_rises, sentence: Accuracy rises <at"
        " once>., place: Here, check: {name: trend, above: 0.0}}\n"
    )

    report, page = write_report([full_sweep.out], tmp_path / "out", claims=path)

    assert [judged.verdict for judged in report.claims] == ["holds"]
    assert "Accuracy rises &lt;at once&gt;." in page.read_text()
    assert "Of mine" in page.read_text()
