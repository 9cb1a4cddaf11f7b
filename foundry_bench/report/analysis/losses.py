"""Statistics -> students that differ in the loss of their distillation alone."""

from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group, Summary


def pair_losses(
    summary: Summary, measure: Measure, first: str, second: str
) -> list[tuple[Group, Group]]:
    """Main students distilled with the losses `first` and `second` that are otherwise alike."""
    main = [group for group in summary.of_role("main") if group.by_seed.get(measure)]
    return [
        (one, other)
        for one in main
        for other in main
        if (one.loss.name, other.loss.name) == (first, second)
        and one.loss.target_norm == other.loss.target_norm
        and one.level == other.level
        and one.setting.context == other.setting.context
        and one.setting.student == other.setting.student
    ]
