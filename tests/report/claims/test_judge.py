from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundry_bench.report.claims.judge import load_claims
from foundry_bench.report.records.harvest import read_folders
from tests.report.example_claims import (
    VIT_S,
    add,
    claims_file,
    judge,
    judge_all,
    over_supertokens,
    settings,
)
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
RISES = {1: 0.80, 4: 0.85, 16: 0.87}
CHECK = {"name": "trend", "above": 0.0}
PAPERS = {
    "teacher": {"name": "point_jepa", "width": 384, "depth": 12},
    "distilled_on": ["shapenet55"],
    "data": ["shapenet55"],
}


def test_records_of_what_a_claim_speaks_of_are_judged(make_sweep: MakeSweep) -> None:
    judged = judge(over_supertokens(make_sweep(), RISES), CHECK, PAPERS)

    assert judged.verdict == "holds"
    assert judged.elsewhere is None
    assert judged.shown is judged.ruling


@pytest.mark.parametrize(
    "changes",
    [
        {"teacher": {"name": "point_jepa", "preset": "tiny", "weights": "shipped"}},
        {"teacher": {"name": "point_mae", "preset": "small", "weights": "shipped"}},
        {"teacher": {**VIT_S, "weights": "random"}},
        {"teacher": {**VIT_S, "width": 192}},
        {"teacher": {"name": "point_jepa", "preset": "/home/me/other.yaml"}},
        {"config": {"data": {"name": "shapes"}}},
        {"config": settings(tasks=[{"name": "classification", "data": {"name": "modelnet40"}}])},
    ],
)
def test_other_records_are_checked_and_decide_nothing(
    make_sweep: MakeSweep, changes: dict[str, Any]
) -> None:
    judged = judge(over_supertokens(make_sweep(), RISES, **changes), CHECK, PAPERS)

    assert judged.verdict == "not applicable"
    assert judged.elsewhere is not None
    assert judged.elsewhere.outcome == "holds"
    assert judged.shown is judged.elsewhere


def test_what_is_spoken_of_and_what_is_not_are_judged_apart(make_sweep: MakeSweep) -> None:
    falling = dict(zip(RISES, reversed(RISES.values()), strict=True))
    own = over_supertokens(make_sweep("own"), RISES)
    other = over_supertokens(
        make_sweep("other"), falling, config={"data": {"name": "shapes"}}, tag="-other"
    )

    judged = judge([own, other], CHECK, PAPERS)

    assert judged.verdict == "holds"
    assert judged.elsewhere is not None
    assert judged.elsewhere.outcome == "fails"


def test_without_records_a_claim_is_not_run(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.out.mkdir(parents=True)

    assert judge(sweep, CHECK).verdict == "not run"


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_leave_a_claim_undecided(make_sweep: MakeSweep, seeds: int) -> None:
    judged = judge(over_supertokens(make_sweep(), RISES, seeds=seeds), CHECK)

    assert judged.verdict == "undecided"
    assert judged.ruling is not None
    assert judged.ruling.deciding in ("at least 3 seeds", "about 3 seeds")


def test_the_papers_claims_load_and_every_check_is_used() -> None:
    claims = load_claims()

    ids = [claim.id for claim in claims.claims]
    assert "near_the_teacher" in ids
    assert {claim.check.name for claim in claims.claims} == {
        "trend", "correlation", "plateau", "near_teacher", "generalist", "order", "losses",
        "bottleneck", "cost_ratio", "fits",
    }  # fmt: skip


def test_every_claim_of_the_paper_names_what_it_speaks_of() -> None:
    for claim in load_claims().claims:
        assert claim.scope.teacher is not None, claim.id
        assert claim.scope.teacher.width == 384, claim.id
        assert claim.place, claim.id


def test_the_papers_claims_over_a_sweep_of_the_paper(make_sweep: MakeSweep) -> None:
    sweep = over_supertokens(make_sweep(), {1: 0.80, 2: 0.84, 4: 0.88, 8: 0.881, 16: 0.882})
    add(sweep, "baseline", "teacher", 0.885)

    verdicts = {
        judged.claim.id: judged.verdict
        for judged in judge_all(read_folders([sweep.out]), load_claims())
    }

    held = {name for name, verdict in verdicts.items() if verdict == "holds"}
    assert held == {
        "loss_falls_with_s",
        "loss_orders_accuracy",
        "loss_orders_accuracy_strongly",
        "few_supertokens_suffice",
        "near_the_teacher",
    }
    assert set(verdicts.values()) == {"holds", "not run"}


def test_the_papers_claims_do_not_apply_to_shapes(full_sweep: ExampleSweep) -> None:
    judged = judge_all(read_folders([full_sweep.out]), load_claims())

    assert {each.verdict for each in judged} == {"not applicable", "not run"}


def test_a_plug_ins_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "version: 1\npaper: Mine\nclaims:\n"
        "  - {id: mine, sentence: It rises., place: Table 1, check: {name: trend, above: 0.0}}\n"
    )

    assert load_claims(path) == claims_file(CHECK).model_copy(
        update={
            "paper": "Mine",
            "claims": tuple(
                claim.model_copy(update={"sentence": "It rises.", "place": "Table 1"})
                for claim in claims_file(CHECK).claims
            ),
        }
    )
