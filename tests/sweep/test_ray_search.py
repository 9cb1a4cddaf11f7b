"""A real search on a real Ray, with stages that take no time."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from foundry_bench.config.sweep import SweepConfig
from foundry_bench.sweep.dry_run import dry_run
from foundry_bench.sweep.execution import Call, Outcome, run_sweep
from foundry_bench.sweep.expand import Expansion
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.status import status
from foundry_bench.sweep.summary import summary
from tests.sweep.planned_stages import PLANNER, sweep_config


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def call(out: Path, sweep: SweepConfig, **changes: object) -> Call:
    expansion = Expansion(sweep, 2, 0)
    fields: dict[str, object] = {"slots": Slots(2), "planner": PLANNER, **changes}
    return Call(sweep, expansion.known(), out, out / "store", expansion=expansion, **fields)  # type: ignore[arg-type]


def run(asked: Call) -> tuple[Outcome, str]:
    text = io.StringIO()
    outcome = run_sweep(asked, Console(file=text, width=300))
    Console(file=text, width=300).print(summary(outcome, Folder(asked.out)))
    return outcome, text.getvalue()


def test_a_search_prunes_ends_and_is_kept(tmp_path: Path) -> None:
    sweep = sweep_config(
        axes={"student.supertokens": {"low": 1, "high": 30}},
        seeds=[0, 1],
        train={"distill": {"epochs": 4, "batch": 5}},
        ablations={"thirteen": {"student.supertokens": 13}},
        search={
            "objective": "probe_accuracy",
            "trials": 10,
            "concurrent": 2,
            "sampler": "random",
            "scheduler": "asha",
        },
    )
    asked = call(tmp_path, sweep)
    text = io.StringIO()
    Console(file=text, width=300).print(dry_run(asked))
    assert "10 suggestions x 2 seeds = 20 trials beside these; 0 suggestions" in text.getvalue()
    assert not (tmp_path / "search.journal").exists()

    outcome, said = run(asked)
    assert len(outcome.records) == outcome.num_run == 22
    assert {record.status for record in outcome.records if record.role == "ablation"} == {"failed"}
    main = [record for record in outcome.records if record.role == "main"]
    pruned = [record for record in main if record.status == "pruned"]
    assert pruned
    assert all("epochs of distillation at a loss of 0." in str(each.error) for each in pruned)
    done = [record for record in main if record.status == "done"]
    assert outcome.found is not None
    best = max(record.config["student"]["supertokens"] for record in done)
    assert outcome.found.best[0].changes == {"student.supertokens": best}
    assert "best of 10 suggestions, by probe_accuracy max" in said
    assert "22/22" in said
    saved = json.loads((tmp_path / "sweep.json").read_text())
    assert saved["search"]["best"][0]["changes"] == {"student.supertokens": best}
    assert status(tmp_path)["counts"]["pruned"] == len(pruned)

    again, _ = run(asked)
    assert again.num_run == 0
    assert again.found == outcome.found
    assert {(each.trial, each.status) for each in again.records} == {
        (each.trial, each.status) for each in outcome.records
    }
