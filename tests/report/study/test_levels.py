import pytest

from foundry_bench.report.study.levels import BUDGET, GATE_LAMBDA, SUPERTOKENS, Level, varied_fields


def test_counts_stand_at_their_log2() -> None:
    assert SUPERTOKENS.places([4, 1, 16]) == {1: 0, 4: 2, 16: 4}


def test_a_weight_of_zero_stands_a_decade_apart() -> None:
    assert GATE_LAMBDA.places([1e-3, 0.0, 1e-1]) == pytest.approx({0.0: -4, 1e-3: -3, 1e-1: -1})
    assert list(GATE_LAMBDA.places([0.0])) == [0.0]


def test_levels_are_said_in_words() -> None:
    level = Level(supertokens=4, budget=8, gate_lambda=1e-11)

    assert level.text == "s = 4, budget = 8, λ = 1e-11"
    assert level.on(BUDGET) == 8
    assert Level().text == ""


def test_one_ratio_is_one_number_whatever_it_comes_from() -> None:
    ratios = {Level(gate_lambda=w, eps=e).lambda_to_eps for w, e in ((3e-9, 1e-8), (3e-7, 1e-6))}

    assert ratios == {0.3}
    assert Level(gate_lambda=0.1).lambda_to_eps is None


def test_only_what_varies_within_a_series_is_a_level() -> None:
    one = [Level(budget=8, gate_lambda=0.1), Level(budget=16, gate_lambda=0.1)]
    other = [Level(gate_lambda=0.2)]

    assert varied_fields([one, other]) == {"supertokens", "budget"}


def test_epsilon_varies_between_series() -> None:
    assert varied_fields([[Level(eps=1e-8)], [Level(eps=1e-6)]]) == {"supertokens", "eps"}
