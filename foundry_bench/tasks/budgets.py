"""Results of a trained backbone at other token budgets than its own."""

from collections.abc import Callable, Iterable, Mapping

from foundry_bench.models.backbone import Backbone


def at_budgets(
    backbone: Backbone, budgets: Iterable[int], measure: Callable[[], Mapping[str, float]]
) -> dict[str, float]:
    """What `measure` finds, as `<name>_at_budget_<budget>`, at each budget that the backbone can be
    given; afterwards it has its own again.
    """
    least, usual = backbone.least_budget, backbone.budget
    found: dict[str, float] = {}
    for budget in budgets:
        if least is not None and budget >= least:
            backbone.budget = budget
            found |= {f"{name}_at_budget_{budget}": value for name, value in measure().items()}
    backbone.budget = usual
    return found
