from collections.abc import Callable

from ruamel.yaml import YAML

from foundry_bench.report.assemble import assemble
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.sections import SweepReport
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]


def _report(sweep: ExampleSweep) -> SweepReport:
    return assemble(read_folders([sweep.out])).sweeps[0]


def test_every_row_of_the_table_has_its_trials_behind_it(full_sweep: ExampleSweep) -> None:
    report = _report(full_sweep)

    assert len(report.reruns) == len(report.table.rows)
    for row, rerun in zip(report.table.rows, report.reruns, strict=True):
        (recipe,) = rerun.recipes
        assert rerun.name.startswith(row[0].text)
        assert [trial.seed for trial in recipe.trials] == [0, 1, 2]
        assert all(f"-s{row[2].text or None}-" in trial.trial for trial in recipe.trials)


def test_a_recipe_is_the_whole_configuration_of_its_first_trial(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in (1, 0):
        sweep.trial("main", "foundry", seed, 0.9, supertokens=4, config={"seed": seed})

    (recipe,) = _report(sweep).reruns[0].recipes

    assert YAML(typ="safe").load(recipe.yaml)["seed"] == 0
    assert YAML(typ="safe").load(recipe.yaml)["student"]["supertokens"] == 4
    (use,) = recipe.trials[0].stages
    assert (use.stage, use.task) == ("evaluate", "classification")


def test_what_differs_in_more_than_the_seed_is_a_recipe_of_its_own(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed, threads in ((0, 1), (1, 1), (2, 2)):
        config = {"seed": seed, "threads": threads}
        sweep.trial("main", "foundry", seed, 0.9, supertokens=4, config=config)

    recipes = _report(sweep).reruns[0].recipes

    assert [[trial.seed for trial in recipe.trials] for recipe in recipes] == [[0, 1], [2]]


def test_a_recipe_names_no_folder(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    config = {"data": {"name": "archive", "path": "/home/someone/clouds/db69.npz"}}
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4, config=config)

    (recipe,) = _report(sweep).reruns[0].recipes

    assert "/home" not in recipe.yaml
    assert "…/db69.npz" in recipe.yaml
