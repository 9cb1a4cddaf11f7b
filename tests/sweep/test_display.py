from foundry_bench.sweep.board import Row
from foundry_bench.sweep.display import clock, label
from foundry_bench.sweep.labels import Labels


def test_a_choice_of_a_class_goes_by_its_name() -> None:
    varies = {"student": {"name": "tome", "supertokens": 16}, "train.distill.lr": 0.1, "seed": 3}
    row = Row("tome-s16-seed3-1a2b", "main", "tome", 3, varies)
    assert label(row, Labels([varies])) == "tome student=tome lr=0.1 seed=3"


def test_times_have_hours_where_there_are_any() -> None:
    assert (clock(75), clock(3675)) == ("1:15", "1:01:15")
