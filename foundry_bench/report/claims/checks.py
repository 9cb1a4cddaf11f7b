"""All checks by name."""

from collections.abc import Callable, Iterator
from typing import Any

from foundry_bench.report.claims.cost import check_cost_ratio, check_fits
from foundry_bench.report.claims.finding import Finding
from foundry_bench.report.claims.material import Material
from foundry_bench.report.claims.students import (
    check_generalist,
    check_losses,
    check_near_teacher,
    check_order,
)
from foundry_bench.report.claims.supertokens import (
    check_bottleneck,
    check_correlation,
    check_plateau,
    check_trend,
)

CHECKS: dict[str, Callable[[Material, Any], Iterator[Finding]]] = {
    "trend": check_trend,
    "correlation": check_correlation,
    "plateau": check_plateau,
    "near_teacher": check_near_teacher,
    "generalist": check_generalist,
    "order": check_order,
    "losses": check_losses,
    "bottleneck": check_bottleneck,
    "cost_ratio": check_cost_ratio,
    "fits": check_fits,
}
"""The name in a file of claims -> what looks for findings; its settings are `settings.Check`'s."""
