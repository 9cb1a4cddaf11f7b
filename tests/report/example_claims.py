"""Example records for claims: sweeps with a known truth, at the geometry the paper speaks of."""

from collections.abc import Mapping, Sequence
from typing import Any

from foundry_bench.report.claims.judge import Judged, judge_claims
from foundry_bench.report.claims.material import gather
from foundry_bench.report.claims.settings import ClaimsFile
from foundry_bench.report.records.harvest import Evidence, read_folders
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.study.study import study_sweeps
from tests.report.examples import ExampleSweep

VIT_S = {"name": "point_jepa", "preset": "small", "weights": "some/file.safetensors"}
SHAPENET = {"name": "shapenet55"}
WOBBLES = (-0.001, 0.0, 0.001, 0.0005, -0.0005)
"""By seed: what it moves a result by; shared by all of a sweep but for a seventh."""

SMOOTH = {"loss": {"name": "smooth_l1", "target_norm": "layer"}}


def settings(**changes: Any) -> dict[str, Any]:
    """Parts of a trial's settings that say where it stands."""
    return {
        "data": SHAPENET,
        "tasks": [{"name": "classification", "label": None, "data": None}],
        **changes,
    }


def add(
    sweep: ExampleSweep,
    role: str,
    variant: str,
    accuracy: float,
    *,
    seeds: int = 3,
    spread: float = 1.0,
    config: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """A variant with `seeds` seeds around `accuracy`, as many times the usual spread apart."""
    for seed in range(seeds):
        turn = WOBBLES[(seed + len(variant)) % len(WOBBLES)] * spread
        sweep.trial(
            role,
            variant,
            seed,
            accuracy + turn,
            config={**settings(), **(config or {})},
            **{"distill": SMOOTH, "teacher": VIT_S, **changes},
        )


def over_supertokens(
    sweep: ExampleSweep,
    accuracies: Mapping[int, float],
    *,
    losses: Sequence[float] = (0.04, 0.035, 0.03, 0.025, 0.02),
    **changes: Any,
) -> ExampleSweep:
    """Main students by their number of SuperTokens."""
    for (count, accuracy), loss in zip(accuracies.items(), losses, strict=False):
        add(sweep, "main", "foundry", accuracy, supertokens=count, loss=loss, **changes)
    return sweep


def claims_file(check: Mapping[str, Any], scope: Mapping[str, Any] | None = None) -> ClaimsFile:
    """A file of one claim."""
    claim = {"id": "mine", "sentence": "It is so.", "place": "Fig. 1", "check": dict(check)}
    claim |= {"scope": dict(scope)} if scope else {}
    return ClaimsFile.model_validate({"version": 1, "paper": "A paper", "claims": [claim]})


def judge(
    sweeps: ExampleSweep | Sequence[ExampleSweep],
    check: Mapping[str, Any],
    scope: Mapping[str, Any] | None = None,
) -> Judged:
    """One claim over the records of some sweeps."""
    several = [sweeps] if isinstance(sweeps, ExampleSweep) else sweeps
    evidence = read_folders([sweep.out for sweep in several])
    (judged,) = judge_all(evidence, claims_file(check, scope))
    return judged


def judge_all(evidence: Evidence, claims: ClaimsFile) -> tuple[Judged, ...]:
    """All claims of a file over some evidence."""
    return judge_claims(claims, gather(evidence, study_sweeps(evidence, tidy_rows(evidence))))
