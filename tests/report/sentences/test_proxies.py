from collections.abc import Callable, Mapping

import pytest

from foundry_bench.report.analysis.proxies import find_agreements
from foundry_bench.report.assemble import assemble
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.sentences.proxies import read_agreements
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

Say = Callable[..., list[str]]
SAME = {"classification": "shapes", "probe": "shapes"}
OPENING = (
    "Spearman's ρ between linear-probe accuracy, for which no backbone is trained, and"
    " classification accuracy is "
)


@pytest.fixture
def say(make_sweep: Callable[..., ExampleSweep]) -> Say:
    """What is said of three students and a baseline whose probes are given."""

    def said(probes: tuple[float, ...], data_of: Mapping[str, str] = SAME) -> list[str]:
        sweep = make_sweep()
        for count, (accuracy, probe) in enumerate(zip((0.7, 0.8, 0.9), probes, strict=False), 1):
            for seed, shift in enumerate((-0.01, 0.0, 0.01)):
                own = {"supertokens": count, "probe": probe + shift}
                sweep.trial("main", "foundry", seed, accuracy + shift, **own)
        for seed in range(3):
            sweep.trial("baseline", "scratch", seed, 0.1, supertokens=1, probe=0.99)
        return read_agreements(find_agreements(read(sweep)[2], data_of))

    return said


def test_a_proxy_that_orders_students_is_told_with_its_interval(say: Say) -> None:
    (sentence,) = say((0.4, 0.5, 0.6))

    assert sentence.startswith(f"{OPENING}1.00 [")
    assert sentence.endswith("in simulations) over 9 runs of 3 students.")


@pytest.mark.parametrize("probes", [(0.6, 0.5, 0.4), (0.5, 0.5, 0.5)])
def test_one_that_does_not_is_no_ground_to_prune(say: Say, probes: tuple[float, ...]) -> None:
    (sentence,) = say(probes)

    assert sentence.endswith("over 9 runs of 3 students: no ground to leave students out by it.")


def test_two_students_have_no_order_to_agree_on(say: Say) -> None:
    assert say((0.4, 0.5)) == []


def test_results_on_other_data_are_not_compared(say: Say) -> None:
    assert say((0.4, 0.5, 0.6), {**SAME, "probe": "db69"}) == []
    assert say((0.4, 0.5, 0.6), {"probe": "shapes"}) == []


def test_students_of_other_training_are_told_apart(make_sweep: Callable[..., ExampleSweep]) -> None:
    sweep = make_sweep()
    for count in (1, 2, 3):
        for views, turn in (("online", 1), (4, -1)):
            for seed in range(3):
                value = 0.1 * count + 0.01 * seed
                sweep.trial(
                    "main",
                    "foundry",
                    seed,
                    value,
                    supertokens=count,
                    probe=0.5 + turn * value,
                    varies={"train.views.count": views},
                    config={"data": {"name": "shapes"}, "tasks": [{"name": n} for n in SAME]},
                    tag=f"-{views}",
                )

    statements = assemble(read_folders([sweep.out])).sweeps[0].statements

    told = [each for each in statements if each.startswith(OPENING)]
    assert [each.split("students")[1] for each in told] == [
        " with views count 4: no ground to leave ",
        " with views count online.",
    ]
    assert [each.removeprefix(OPENING).split()[0] for each in told] == [
        "\N{MINUS SIGN}1.00",
        "1.00",
    ]
    assert statements[-1].startswith("All of this rests on")
