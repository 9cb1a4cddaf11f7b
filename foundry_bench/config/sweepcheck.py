"""What is wrong with a sweep beyond its shape: impossible values, axes that lead nowhere."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from foundry_bench.config.faults import Fault, dotted, faults_of
from foundry_bench.config.fields import field_at, is_registered, settings_at, with_field
from foundry_bench.config.searchcheck import search_faults
from foundry_bench.config.settings import NamedSettings, TeacherSettings, TrainSettings
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.config.variations import (
    ROOTS,
    Variation,
    ablations_of,
    axes_of,
    baselines_of,
    ranges_of,
)
from foundry_bench.errors import FoundryError
from foundry_bench.registry import nearest


def impossible(
    teacher: TeacherSettings, student: NamedSettings | None, train: TrainSettings
) -> str | None:
    """Why teacher, student and training do not go together, opening with a dotted path."""
    from foundry_bench.teachers.preset import architecture

    try:
        size = architecture(teacher)
    except FoundryError as error:
        return _under("teacher", str(error))
    calls = (("check", (size.patches, size.depth)), ("check_training", (train,)))
    for name, arguments in calls:
        try:
            getattr(student, name, _fine)(*arguments)
        except ValueError as error:
            return _under("student", str(error))
    return None


def _fine(*arguments: object) -> None:
    """There is nothing to check."""


def sweep_faults(values: Mapping[str, Any]) -> list[Fault]:
    """All faults of a sweep's plain values, those of its axes, baselines and ablations included."""
    own = _faults(values)
    found = list(own)
    for variations in (
        [*axes_of(values), *ranges_of(values)],
        *baselines_of(values).values(),
        *ablations_of(values).values(),
    ):
        found += _variation_faults(values, variations, own)
    return [*found, *([] if own else search_faults(SweepConfig.model_validate(values)))]


def _faults(values: Mapping[str, Any]) -> list[Fault]:
    try:
        sweep = SweepConfig.model_validate(values)
    except ValidationError as error:
        return faults_of(error, SweepConfig, values)
    message = impossible(sweep.teacher, sweep.student, sweep.train)
    if message is None:
        return _budget_faults(sweep)
    path, _, text = message.partition(": ")
    return [Fault(tuple(path.split(".")), text)]


def _budget_faults(sweep: SweepConfig) -> list[Fault]:
    """Budgets at which a task is to measure the student, and cannot."""
    student = sweep.student
    least = getattr(student, "supertokens", None)
    if least is None or "budget" not in type(student).model_fields:
        return []
    return [
        Fault(
            ("tasks", index, "budgets"),
            f"{min(budgets)} is less than the {least} SuperTokens (student.supertokens), which "
            "enter the encoder too",
        )
        for index, task in enumerate(sweep.tasks)
        if (budgets := getattr(task, "budgets", ())) and min(budgets) < least
    ]


def _variation_faults(
    values: Mapping[str, Any], variations: list[Variation], own: list[Fault]
) -> list[Fault]:
    """The faults that `variations` add to `own`, each where the variation stands in the file.

    A value is tried together with the first value of each other variation: one that fails so is one
    of the combinations that would run.
    """
    seen = {_without_name(fault) for fault in own}
    faults: list[Fault] = []
    known: list[Variation] = []
    for variation in variations:
        problem = _path_problem(values, variation.path)
        if problem is None and not variation.values:
            problem = "needs at least one value"
        if problem is None:
            known.append(variation)
        else:
            faults.append(Fault(variation.place, problem))
    for variation in known:
        others = [other for other in known if other is not variation]
        around = {other.path: other.values[0][1] for other in others}
        for place, value in variation.values:
            for fault in _faults_with(values, {**around, variation.path: value}):
                elsewhere = any(_is_under(fault, other.path) for other in others)
                if _without_name(fault) not in seen and not elsewhere:
                    faults.append(_moved(fault, variation.path, place))
    return faults


def _faults_with(values: Mapping[str, Any], changes: Mapping[str, Any]) -> list[Fault]:
    changed = {**values, "ablations": {}}  # what one trial is says nothing of their names
    try:
        for path, value in changes.items():
            changed = with_field(SweepConfig, changed, path, value)
    except FoundryError:
        return []  # what the path leads through is itself among the sweep's own faults
    return _faults(changed)


def _without_name(fault: Fault) -> Fault:
    """A fault in a choice that is a bare name, as if it were a mapping, and the other way round."""
    return replace(fault, place=fault.place[:-1]) if fault.place[-1:] == ("name",) else fault


def _is_under(fault: Fault, path: str) -> bool:
    keys = tuple(path.split("."))
    return fault.place[: len(keys)] == keys


def _moved(fault: Fault, path: str, place: tuple[str | int, ...]) -> Fault:
    """A fault of the varied sweep as one of the line that varies it."""
    if _is_under(fault, path):
        return Fault((*place, *fault.place[len(path.split(".")) :]), fault.message)
    return Fault(place, f"{dotted(fault.place)}: {fault.message}")


def _path_problem(values: Mapping[str, Any], path: str) -> str | None:
    """Why `path` cannot vary; None also where a faulty value on the way hides what lies below."""
    keys = path.split(".")
    if keys[0] not in ROOTS and field_at(SweepConfig, values, f"student.{path}") is not None:
        return f"no such field to vary; did you mean 'student.{path}'?"
    names: Iterable[str] = ROOTS
    for length, key in enumerate(keys):
        above = ".".join(keys[:length])
        if key not in names:
            full = (f"{above}.{name}".lstrip(".") for name in names)
            return f"no such field to vary{nearest(f'{above}.{key}'.lstrip('.'), full)}"
        model = settings_at(SweepConfig, values, keys[: length + 1])
        if model is None:
            is_leaf = length == len(keys) - 1
            field = field_at(SweepConfig, values, ".".join(keys[: length + 1]))
            hidden = field is not None and is_registered(field)
            return None if is_leaf or hidden else f"{'.'.join(keys[: length + 1])} has no fields"
        names = model.model_fields
    return None


def _under(part: str, message: str) -> str:
    """`message` opening with a dotted path below `part`."""
    return message if message.startswith(f"{part}.") else f"{part}.{message}"
