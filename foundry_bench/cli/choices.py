"""How `foundry-bench choose` shows what it found."""

import math
from typing import Any

from rich.box import MARKDOWN
from rich.table import Table

from foundry_bench.report.analysis.choosing import Choice
from foundry_bench.report.statistics.intervals import MIN_SEEDS
from foundry_bench.report.study.costs import Costs
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group
from foundry_bench.report.tables.costs import cost_text
from foundry_bench.report.tables.groups import head
from foundry_bench.report.wording import finite, mean_text, points_text


def limits_text(choice: Choice) -> str:
    """What was asked for."""
    limits = [f"{limit.what} at most {limit.most:g}" for limit in choice.limits]
    return f"the best student by {choice.result.label}" + (
        f" with {', '.join(limits)}" if limits else ""
    )


def table(choice: Choice, costs: Costs) -> Table:
    """The front, the best, the runner-up and the teacher."""
    shown = _shown_costs(choice, costs)
    shown_table = Table(title_justify="left", box=MARKDOWN)
    for text in ("student", head(choice.result), "n", *map(head, shown), "front", ""):
        shown_table.add_column(text, justify="left" if text in ("student", "") else "right")
    front = choice.front.front if choice.front else []
    rows: list[tuple[str, Group, str, str]] = [
        (point.name, point.group, str(place), "") for place, point in enumerate(front, 1)
    ]
    others = [(choice.name, choice.best), *((r.name, r.group) for r in choice.rivals[:1])]
    rows += [
        (name, group, "", "")
        for name, group in others
        if group not in [point.group for point in front]
    ]
    if choice.teacher is not None:
        rows.append(("teacher", choice.teacher, "", ""))
    for name, group, place, _ in rows:
        interval = group.interval(choice.result)
        shown_table.add_row(
            name,
            mean_text(interval, choice.result.digits),
            str(interval.n),
            *(cost_text(group.interval(measure), measure) for measure in shown),
            place,
            "best" if group is choice.best else _standing(choice, group),
        )
    return shown_table


def _shown_costs(choice: Choice, costs: Costs) -> list[Measure]:
    limited = [limit.measure for limit in choice.limits if limit.measure is not None]
    plain = [measure for measure in costs.measures if measure not in costs.setups]
    return list(dict.fromkeys([*limited, *plain[:2]]))


def _standing(choice: Choice, group: Group) -> str:
    """Where `group` is by the limits; empty if within all of them."""
    shares = [limit.share(group) for limit in choice.limits]
    if any(share is not None and share > 1 for share in shares):
        return "over"
    return "not known" if None in shares else ""


def describe(choice: Choice) -> list[str]:
    """How sure it is."""
    measure = choice.result
    said = []
    if choice.teacher is not None and choice.teacher_fits is not None:
        change = choice.best.difference(choice.teacher, measure)
        bears = "within the limits too" if choice.teacher_fits else "over the limits"
        said.append(f"the teacher is {bears}; the best is {points_text(change, measure)} from it")
    if not choice.rivals:
        return [*said, "no other student is within the limits"]
    second = choice.rivals[0]
    alike = [rival for rival in choice.rivals if not rival.is_told_apart]
    said.append(
        f"runner-up: {second.name}; the best has {points_text(second.change, measure)} more"
        f" (paired over {second.change.n} seeds): "
        + ("told apart" if second.is_told_apart else "not told apart")
    )
    if choice.interval.n < MIN_SEEDS:
        said.append("how sure that is takes three seeds")
    elif alike:
        cheapest = min(alike, key=lambda rival: _cost_of(choice, rival.group))
        text = (
            f"{len(alike)} of {len(choice.rivals)} others within the limits cannot be told from the"
            " best (Holm-corrected p ≥ 0.05)"
        )
        if _cost_of(choice, cheapest.group) < _cost_of(choice, choice.best):
            text += f"; the cheapest of them is {cheapest.name}"
        said.append(text)
    return said


def _cost_of(choice: Choice, group: Group) -> float:
    mean = group.interval(choice.cost).mean
    return math.inf if math.isnan(mean) else mean


def as_json(name: str, choice: Choice, costs: Costs) -> dict[str, Any]:
    """The answer for programs: all students within the limits, and the front."""
    measure = choice.result

    def told(group: Group, student: str) -> dict[str, Any]:
        interval = group.interval(measure)
        bounds = {"mean": interval.mean, "low": interval.low, "high": interval.high}
        return {
            "student": student,
            "role": group.role,
            **{key: finite(value) for key, value in bounds.items()},
            "n": interval.n,
            "costs": {
                each.slug: group.interval(each).mean
                for each in costs.measures
                if group.by_seed.get(each)
            },
        }

    return {
        "sweep": name,
        "task": measure.task,
        "metric": measure.metric,
        "unit": measure.unit,
        "limits": {limit.option.removeprefix("--"): limit.most for limit in choice.limits},
        "best": told(choice.best, choice.name),
        "rivals": [
            {
                **told(rival.group, rival.name),
                "difference": finite(rival.change.mean),
                "difference_low": finite(rival.change.low),
                "difference_high": finite(rival.change.high),
                "p_holm": finite(rival.change.p),
                "told_apart": rival.is_told_apart,
            }
            for rival in choice.rivals
        ],
        "front": [
            {**told(point.group, point.name), "p_holm": finite(point.p)}
            for point in (choice.front.front if choice.front else [])
        ],
        "teacher_fits": choice.teacher_fits,
    }
