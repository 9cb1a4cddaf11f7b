"""How far cheap results can stand for those of fine-tuning -> a sentence each."""

import math
from collections.abc import Sequence

from foundry_bench.report.analysis.proxies import Agreement
from foundry_bench.report.wording import rho_text


def read_agreements(agreements: Sequence[Agreement]) -> list[str]:
    """Each rank correlation, and whether it gives no ground to leave students out."""
    return [_tell(each) for each in agreements if math.isfinite(each.found.rho)]


def _tell(each: Agreement) -> str:
    found = each.found
    among = f" with {each.ground}" if each.ground else ""
    verdict = "" if found.low > 0 else ": no ground to leave students out by it"
    return (
        f"Spearman's ρ between {each.proxy.label}, for which no backbone is trained, and"
        f" {each.result.label} is {rho_text(found)} over {found.n} runs of {found.levels}"
        f" students{among}{verdict}."
    )
